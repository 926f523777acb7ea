"""The site is built without a warning, reads nothing from elsewhere, and has every alert's page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_runbook import RULES, page_of

pytestmark = pytest.mark.slow

# What a browser loads by itself, and what of it stands elsewhere.
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"|<link\b[^>]*>")
HREF = re.compile(r"href=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(directory)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        for found in LOADED.finditer(page.read_text("utf-8")):
            target = found[1] or "".join(HREF.findall(found[0]))
            if 'rel="canonical"' not in found[0]:
                assert not ELSEWHERE.match(target), (page, found[0])
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text("utf-8"))


def test_each_alert_leads_to_a_page(site: Path) -> None:
    for rule in RULES:
        assert (site / "runbook" / page_of(rule) / "index.html").is_file(), rule["alert"]


def test_the_reference_is_in_it(site: Path) -> None:
    text = (site / "reference" / "settings" / "index.html").read_text("utf-8")
    assert "ENRICHD_DATABASE_URL" in text
    assert (site / "files" / "alerts.yml").is_file()
    assert not list(site.rglob("*.py"))
