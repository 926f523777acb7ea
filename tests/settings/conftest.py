"""A configuration file of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Write a configuration file and name it in the environment."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "enrichd.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv("ENRICHD_CONFIG", str(path))
        return path

    return write
