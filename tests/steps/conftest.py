"""One sandbox with a standing clock for all tests, cleared before each, and a daemon for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from manager import Settings
from manager.ledger import migrate
from manager.settings import AccountTable
from manager.steps.context import Context
from sandbox import Sandbox
from tests.steps.driver import Driver
from tests.steps.webhooks import Webhooks


@pytest.fixture(scope="session")
def _sandbox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def _running(_sandbox_dir: Path) -> Iterator[Sandbox]:
    with Sandbox(
        api_key="test-key",
        data_dir=_sandbox_dir,
        frozen=True,
        pending_seconds=1,
        processing_seconds=10,
        unresolved_share=0,
        calls_per_minute=100_000,
    ) as running:
        yield running


@pytest.fixture
def sandbox(_running: Sandbox) -> Sandbox:
    """A cleared sandbox: a job takes 11 s of its clock, which stands until it is advanced."""
    _running.reset()
    return _running


QUICK = {
    "vendor_calls_per_minute": 10_000,
    "vendor_read_timeout": 10.0,
    "submit_deadline": 10.0,
}


@pytest.fixture
def driver(settings: Settings, sandbox: Sandbox, _sandbox_dir: Path) -> Iterator[Driver]:
    """The daemon's steps, in this process."""
    changes = QUICK | {"vendor_url": sandbox.url}
    made = Driver(settings.model_copy(update=changes), sandbox, _sandbox_dir / "results")
    yield made
    made.close()


@pytest.fixture(scope="session")
def _running_beta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(
        api_key="beta-key",
        data_dir=tmp_path_factory.mktemp("beta"),
        frozen=True,
        pending_seconds=1,
        processing_seconds=10,
        unresolved_share=0,
        calls_per_minute=100_000,
    ) as running:
        yield running


@pytest.fixture
def both(
    settings: Settings, sandbox: Sandbox, _running_beta: Sandbox, _sandbox_dir: Path
) -> Iterator[tuple[Driver, Driver]]:
    """The accounts alpha and beta on one ledger and one Redis, each at a vendor of its own that
    knows no other key.
    """
    _running_beta.reset()
    vendors = {"alpha": sandbox, "beta": _running_beta}
    tables = {
        name: AccountTable(vendor_url=vendor.url, vendor_api_key=SecretStr(vendor.api_key))
        for name, vendor in vendors.items()
    }
    changes = QUICK | {"account": "alpha", "accounts": tables, "vendor_api_key": None}
    served = settings.model_copy(update=changes)
    migrate.upgrade(served)
    results = _sandbox_dir / "results"
    alpha, beta = (Driver(served, vendor, results, name) for name, vendor in vendors.items())
    yield alpha, beta
    alpha.close()
    beta.close()


@pytest.fixture
def context(driver: Driver) -> Context:
    """What the steps are called with."""
    return driver.context


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    """A receiver of webhooks."""
    with Webhooks() as receiver:
        yield receiver


@pytest.fixture
def two(driver: Driver) -> tuple[Driver, Driver]:
    """Two accounts on one ledger, one Redis and one account at the vendor."""
    key = SecretStr("test-key")
    accounts = {name: AccountTable(vendor_api_key=key) for name in ("alpha", "beta")}
    settings = driver.context.settings.model_copy(update={"accounts": accounts})
    migrate.upgrade(settings)
    return driver.another(account="alpha", accounts=accounts), driver.another(
        account="beta", accounts=accounts
    )
