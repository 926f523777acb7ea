"""One sandbox with a standing clock for all tests, cleared before each, and a daemon for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from manager import Settings
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


@pytest.fixture
def driver(settings: Settings, sandbox: Sandbox, _sandbox_dir: Path) -> Iterator[Driver]:
    """The daemon's steps, in this process."""
    changes = {
        "vendor_url": sandbox.url,
        "vendor_calls_per_minute": 1_000_000,
        "vendor_read_timeout": 10.0,
        "submit_deadline": 10.0,
    }
    made = Driver(settings.model_copy(update=changes), sandbox, _sandbox_dir / "results")
    yield made
    made.close()


@pytest.fixture
def context(driver: Driver) -> Context:
    """What the steps are called with."""
    return driver.context


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    """A receiver of webhooks."""
    with Webhooks() as receiver:
        yield receiver
