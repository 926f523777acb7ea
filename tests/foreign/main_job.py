"""The main job on any ledger: enqueue, pack, submit, merge, read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from manager import Settings
from manager.ledger import migrate
from sandbox import Sandbox
from tests.steps.conftest import QUICK
from tests.steps.driver import Driver, domains
from tests.steps.results_file import envelope, outcomes, reasons

Drive = Callable[..., Driver]


def at(settings: Settings, url: str, **changes: Any) -> Settings:
    """The settings with another database."""
    return settings.model_copy(update={"database_url": SecretStr(url), **changes})


@pytest.fixture
def drive(settings: Settings, sandbox: Sandbox, _sandbox_dir: Path) -> Iterator[Drive]:
    """`drive(url)`: the daemon's steps, and a ledger that is migrated there."""
    made: list[Driver] = []

    def start(url: str, **changes: Any) -> Driver:
        there = at(settings, url, **QUICK, vendor_url=sandbox.url, **changes)
        migrate.upgrade(there)
        made.append(Driver(there, sandbox, _sandbox_dir / "results"))
        return made[-1]

    yield start
    for driver in made:
        driver.close()


def main_job(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buy five, one of which nobody knows, and one whose record Postgres refuses."""
    request = driver.enqueue(4, unknown=1)
    job_id = driver.completed()
    refused = envelope(domains(1)[0], b'{"x": 1e200000}')
    driver.rewrite(job_id, lambda lines: [refused if b"0000000" in it else it for it in lines])
    with monkeypatch.context() as patched:  # ours would have found it before
        patched.setattr("manager.steps.results_file.storable", bytes.decode)
        driver.merge(job_id)
    assert outcomes(driver, request) == ["failed", *["fulfilled"] * 3, "not_found"]
    assert reasons(request) == ["the record cannot be stored as jsonb"]
    assert request.wait(timeout=20).finished
    driver.step()
    assert driver.sandbox.record()["duplicates"]["count"] == 0
