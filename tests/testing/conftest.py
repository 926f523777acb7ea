"""The manager of a real ledger, and the fake one, as two worlds with the same handles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.steps.conftest import (  # noqa: F401 - fixtures
    _running,
    _sandbox_dir,
    driver,
    sandbox,
)
from tests.testing.foreign_project import Project, install
from tests.testing.worlds import FakeWorld, RealWorld, World


@pytest.fixture(params=["real", "fake"])
def world(request: pytest.FixtureRequest) -> World:
    """Each in turn."""
    if request.param == "fake":
        return FakeWorld()
    return RealWorld(request.getfixturevalue("driver"))


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(_installed: Path, tmp_path: Path) -> Project:
    """An empty project of somebody else's, with our package installed."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Project(directory, _installed)
