"""A caller's project has modules of its own that are called as ours are, and keeps them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manager import Manager, Settings
from manager.run.processes import module

pytestmark = pytest.mark.slow

ENRICHD = str(Path(sys.executable).with_name("enrichd"))
# Names at our top level that a project is likely to use too, and one that it might.
THEIRS = ("tasks", "config", "sandbox")
# What only the daemon and the commands need; a caller should not wait for it.
NEEDLESS = {
    "alembic",
    "celery",
    "httpx",
    "kombu",
    "redis",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "typer",
    "uvicorn",
}

APP = """
import asyncio, json, sys
import manager

imported = set(sys.modules)
import config, sandbox, tasks

request = manager.Manager().enqueue("domains", ["a.example", "b.example"], fields=["headcount"])
progress = request.progress()
listed = [result.identifier for result in request.results()]


async def joined():
    other = await manager.AsyncManager().enqueue("domains", ["a.example"])
    return str(other.id)


print(json.dumps({
    "request_id": str(request.id),
    "other_id": asyncio.run(joined()),
    "waiting": progress.waiting,
    "listed": listed,
    "cancelled": request.cancel().cancelled,
    "imported": sorted(imported),
    "loaded": sorted(sys.modules),
    "theirs": [config.WHOSE, sandbox.WHOSE, tasks.WHOSE],
}))
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    for name in THEIRS:
        (directory / f"{name}.py").write_text("WHOSE = 'theirs'\n")
    (directory / "app.py").write_text(APP)
    return directory


@pytest.fixture
def run(project: Path) -> Run:
    """Run a command in the project's directory."""

    def started(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=project,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return started


def forbid_import(project: Path) -> None:
    for name in THEIRS:
        (project / f"{name}.py").write_text("raise SystemExit('imported theirs')\n")


def tops(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.integration
@pytest.mark.parametrize("how", ["script", "module"])
def test_a_project_with_modules_named_as_ours_enqueues_without_redis(
    how: str, run: Run, settings: Settings
) -> None:
    start = ["app.py"] if how == "script" else ["-m", "app"]
    done = run(
        sys.executable,
        *start,
        ENRICHD_DATABASE_URL=settings.postgres,
        ENRICHD_DATABASE_SCHEMA=settings.database_schema,
        ENRICHD_ACCOUNT=settings.account,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["theirs"] == ["theirs"] * len(THEIRS)
    assert not tops(told["imported"]) & {*THEIRS, *NEEDLESS}
    assert not tops(told["loaded"]) & NEEDLESS
    assert (told["waiting"], told["cancelled"]) == (2, 2)
    assert told["listed"] == ["a.example", "b.example"]
    assert Manager(settings).request(told["request_id"]).progress().fields == ("headcount",)
    assert Manager(settings).request(told["other_id"]).progress().waiting == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([ENRICHD, "--help"], "Durable bulk enrichment"),
        ([ENRICHD, "sandbox", "--help"], "faithful implementation of the vendor's batch API"),
        (module("manager", "--help"), "Durable bulk enrichment"),
        (module("tasks", "--help"), "usage: python -m tasks"),
        (module("sandbox", "--help"), "faithful implementation of the vendor's batch API"),
    ],
    ids=["enrichd", "enrichd sandbox", "-m manager", "-m tasks", "-m sandbox"],
)
def test_our_processes_started_in_it_do_not_take_its_modules_for_ours(
    command: list[str], told: str, project: Path, run: Run
) -> None:
    forbid_import(project)
    done = run(*command, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_the_daemon_started_in_it_reads_its_own_configuration_and_tasks(
    process: str, project: Path, run: Run
) -> None:
    forbid_import(project)
    done = run(*module("tasks", process))
    assert done.returncode == 2
    assert done.stderr.startswith("enrichd: Postgres's URL is not set.")
