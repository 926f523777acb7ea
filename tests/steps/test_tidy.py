"""Spool: what a killed process has left of a job is of use until the job has ended."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from manager import Settings
from manager.steps.context import Context
from manager.steps.tidy import tidy
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration

STRANGE = ("00000000-0000-7000-8000-000000000000", "notes")


def leave(driver: Driver, name: object) -> Path:
    """A folder as a killed download leaves it."""
    folder = driver.context.spool_dir / str(name)
    folder.mkdir(parents=True)
    (folder / "part-000.jsonl.gz.partial").write_bytes(b"half")
    return folder


def left_by_another_machine(driver: Driver, job_id: UUID) -> list[Path]:
    return [leave(driver, job_id), leave(driver, f"resolve-{job_id}")]


def test_what_is_left_of_a_job_that_has_ended_elsewhere_is_removed(
    driver: Driver, tmp_path: Path
) -> None:
    job_id = driver.completed(3)
    folders = left_by_another_machine(driver, job_id)
    tidy(driver.context)
    assert all(folder.exists() for folder in folders), "it may go on with them"
    driver.another(spool_dir=tmp_path / "elsewhere").merge(job_id)
    assert all(folder.exists() for folder in folders)
    tidy(driver.context)
    assert not any(folder.exists() for folder in folders)


def test_what_is_not_of_this_ledger_stays(driver: Driver) -> None:
    folders = [leave(driver, name) for name in STRANGE]
    tidy(driver.context)
    assert all(folder.exists() for folder in folders)


def test_without_a_spool_nothing_is_asked_of_the_ledger(settings: Settings, tmp_path: Path) -> None:
    nowhere = {"spool_dir": tmp_path / "none", "database_url": None}
    assert tidy(Context(settings.model_copy(update=nowhere), "test")) == []
