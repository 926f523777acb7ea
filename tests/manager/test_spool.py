"""Spool: what a killed process has left of a job is of use until the job has ended."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from manager import Settings
from manager.context import Context
from manager.merge import merge
from manager.spool import tidy
from tests.manager.daemon import Daemon

pytestmark = pytest.mark.integration

STRANGE = ("00000000-0000-7000-8000-000000000000", "notes")


def leave(daemon: Daemon, name: object) -> Path:
    """A folder as a killed download leaves it."""
    folder = daemon.context.spool_dir / str(name)
    folder.mkdir(parents=True)
    (folder / "part-000.jsonl.gz.partial").write_bytes(b"half")
    return folder


def left_by_another_machine(daemon: Daemon, job_id: UUID) -> list[Path]:
    return [leave(daemon, job_id), leave(daemon, f"resolve-{job_id}")]


def test_what_is_left_of_a_job_that_has_ended_elsewhere_is_removed(
    daemon: Daemon, tmp_path: Path
) -> None:
    job_id = daemon.completed(3)
    folders = left_by_another_machine(daemon, job_id)
    tidy(daemon.context)
    assert all(folder.exists() for folder in folders), "it may go on with them"
    merge(daemon.another(spool_dir=tmp_path / "elsewhere").context, job_id)
    assert all(folder.exists() for folder in folders)
    tidy(daemon.context)
    assert not any(folder.exists() for folder in folders)


def test_what_is_not_of_this_ledger_stays(daemon: Daemon) -> None:
    folders = [leave(daemon, name) for name in STRANGE]
    tidy(daemon.context)
    assert all(folder.exists() for folder in folders)


def test_without_a_spool_nothing_is_asked_of_the_ledger(settings: Settings, tmp_path: Path) -> None:
    nowhere = {"spool_dir": tmp_path / "none", "database_url": None}
    assert tidy(Context(settings.model_copy(update=nowhere), "test")) == []
