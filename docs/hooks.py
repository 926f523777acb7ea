"""What the site has beside the pages of this folder: the reference, which is made of the code, and
files of the repository that stand elsewhere. mkdocs calls these functions (mkdocs.yml, `hooks`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs import reference

ROOT = Path(__file__).parents[1]

ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks.md",
    "docker-compose.yml": "files/docker-compose.yml",
    "config/enrichd.toml": "files/enrichd.toml",
    "config/production.toml": "files/production.toml",
    "config/prometheus/alerts.yml": "files/alerts.yml",
    "config/prometheus/alerts_test.yml": "files/alerts_test.yml",
    "config/prometheus/prometheus.yml": "files/prometheus.yml",
    "config/grafana/enrichd.json": "files/grafana.json",
}
"""Files outside this folder, and where the site has them."""

INSTALL = "how-to/install.md"
"""The page that is made of the README's part of that name."""

_SOURCES = {place: source for source, place in ELSEWHERE.items() if place != "index.md"}
_SOURCES[INSTALL] = "README.md"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name all pages of the runbook in the navigation."""
    pages = sorted(f"runbook/{it.name}" for it in (ROOT / "docs/runbook").glob("*.md"))
    for entry in config.nav or []:
        if "Runbook" in entry:
            entry["Runbook"] += [it for it in pages if it != "runbook/index.md"]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made, and what stands elsewhere."""
    for place, make in reference.PAGES.items():
        files.append(File.generated(config, place, content=make()))
    files.append(File.generated(config, INSTALL, content=_install()))
    for source, place in ELSEWHERE.items():
        if place != "index.md":
            text = (ROOT / source).read_text("utf-8")
            files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the site has what they lead to in the repository."""
    folder = posixpath.dirname(_SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
    here = posixpath.dirname(page.file.src_uri)
    return outside_code(markdown, lambda text: _relinked(text, folder, here))


def _install() -> str:
    part = (ROOT / "README.md").read_text("utf-8").partition("\n## Install\n")[2]
    return "# Install\n" + part.partition("\n## ")[0]


def _relinked(text: str, folder: str, here: str) -> str:
    def link(found: re.Match[str]) -> str:
        image, label, target, anchor = found.groups("")
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        source = posixpath.normpath(posixpath.join(folder, target))
        if (source, anchor) == ("README.md", "#install"):
            place, anchor = INSTALL, ""
        elif (place := ELSEWHERE.get(source, "")) == "":
            if not source.startswith("docs/"):
                # A source file, which the site has not; what is not there mkdocs complains of.
                return label if (ROOT / source).is_file() else found[0]
            place = source.removeprefix("docs/")
        return f"{image}[{label}]({posixpath.relpath(place, here or '.')}{anchor})"

    return LINK.sub(link, text)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Change what is no block of code."""
    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(it if at % 2 else change(it) for at, it in enumerate(parts))
