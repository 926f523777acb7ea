"""The manager of a real ledger, and the fake one, as two worlds with the same handles."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from manager.ledger import migrate
from manager.settings.prices import Budget
from tests.steps.conftest import (  # noqa: F401 - fixtures
    _running,
    _sandbox_dir,
    driver,
    sandbox,
)
from tests.steps.driver import Driver
from tests.testing.foreign_project import Project, install
from tests.testing.worlds import FakeWorld, RealWorld, World


@pytest.fixture(params=["real", "fake"])
def world(request: pytest.FixtureRequest) -> World:
    """Each in turn."""
    if request.param == "fake":
        return FakeWorld()
    return RealWorld(request.getfixturevalue("driver"))


CAPPED: dict[str, Any] = {
    "price": {"company/enrich": Decimal(2)},
    "budgets": [Budget(tag="crm", per="day", records=3, hard=True)],
}


@pytest.fixture(params=["real", "fake"])
def capped(request: pytest.FixtureRequest) -> World:
    """Each in turn, with a price and a hard budget of a tag."""
    if request.param == "fake":
        return FakeWorld(**CAPPED)
    first: Driver = request.getfixturevalue("driver")
    other = first.another(**CAPPED)
    migrate.upgrade(other.context.settings)
    return RealWorld(other)


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(_installed: Path, tmp_path: Path) -> Project:
    """An empty project of somebody else's, with our package installed."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Project(directory, _installed)
