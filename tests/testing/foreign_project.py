"""A project of somebody else's, with our package installed, and its tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# `path`:, and then what is in it
_FILE = re.compile(r"`([\w./]+\.(?:py|ini|toml))`:\n\n```\w+\n(.*?)```", re.DOTALL)


def install(directory: Path) -> Path:
    """Build the package, and install it into the directory."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(build, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
    [wheel] = directory.glob("*.whl")
    installed = directory / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


def documented(page: Path) -> dict[str, str]:
    """The files that the page shows, and what is in them."""
    return {match[1]: match[2] for match in _FILE.finditer(page.read_text())}


class Project:
    """Its directory. It sees our package as installed, and nothing of this checkout."""

    def __init__(self, directory: Path, installed: Path) -> None:
        self.directory = directory
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ENRICHD_", "PYTEST_"))
        } | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}

    def write(self, files: dict[str, str]) -> None:
        """Write its files."""
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start a module there, as `python -m`."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.directory,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pytest(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run its tests: the exit code, and all that was printed."""
        options = ["-p", "no:cacheprovider", "-p", "no:timeout", "-rA", *arguments]
        running = self.start("pytest", *options, **variables)
        printed, _ = running.communicate(timeout=300)
        return running.returncode, printed
