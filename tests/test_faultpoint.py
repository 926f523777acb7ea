"""Fault points: silent unless armed, and then exact."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import LiteralString, cast

import pytest

import manager
from manager import ConfigurationError, Settings, faultpoint
from manager.faultpoint import FaultPointError
from manager.ledger.connect import Ledger
from manager.ledger.execute import execute
from manager.ledger.sql import Statement, Statements
from manager.steps.context import Context
from manager.steps.sweep import sweep

PACKAGE = Path(manager.__file__).parent
STATEMENTS = [
    f"{path.stem}.{name}"
    for path in sorted(PACKAGE.joinpath("ledger", "sql").glob("*.sql"))
    for name in Statements(path.stem).names()
]
# The executor, LISTEN, the migrations, and the making of the embedded server's database.
RUN_SQL = [
    "ledger/execute.py",
    "ledger/migrate.py",
    "ledger/version_table.py",
    "operator/doctor/postgres.py",
    "run/embedded/postgres.py",
]
KILLED = """
import sys
from manager import faultpoint
faultpoint.point("step.call")
faultpoint.arm({sys.argv[1]: sys.argv[2]})
with faultpoint.around("step.call"):
    print("called")
print("survived")
"""


CALL = faultpoint.point("test.call")
OTHER = faultpoint.point("test.other")


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    faultpoint.arm({})


def run(point: str, fault: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, point, fault]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_nothing_happens_where_nothing_is_armed() -> None:
    faultpoint.arm({f"before {OTHER}": "raise"})
    with faultpoint.around(CALL):
        faultpoint.reach(f"before {CALL}")


def test_kill_is_a_real_sigkill_before_or_after_the_call() -> None:
    before, after = run("before step.call", "kill"), run("after step.call", "kill")
    assert (before.returncode, before.stdout) == (-signal.SIGKILL, "")
    assert after.returncode == -signal.SIGKILL
    assert "survived" not in after.stdout


def test_exit_skips_every_clean_up() -> None:
    assert run("after step.call", "exit").returncode == 70


def test_hang_goes_on_after_its_seconds() -> None:
    assert run("before step.call", "hang 0.01").stdout.split() == ["called", "survived"]


def test_a_probability_of_nought_never_fires_and_of_one_always() -> None:
    never, always = f"before {CALL}", f"before {OTHER}"
    faultpoint.arm({never: "raise @0", always: "raise @1"})
    for _ in range(100):
        faultpoint.reach(never)
    with pytest.raises(FaultPointError, match=always):
        faultpoint.reach(always)


def test_a_point_fires_once_over_all_processes_that_share_a_directory(tmp_path: Path) -> None:
    point = f"after {CALL}"
    faultpoint.arm({point: "raise"}, once=tmp_path)
    with pytest.raises(FaultPointError):
        faultpoint.reach(point)
    faultpoint.reach(point)
    faultpoint.arm({point: "raise"}, once=tmp_path)
    faultpoint.reach(point)


def test_a_misspelt_fault_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match=f"'explode' at 'before {CALL}'"):
        faultpoint.arm({f"before {CALL}": "explode"})


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("before test.cal", r"no point 'before test.cal'.*; test\.call\?$"),
        ("before nowhere.near", r"no point 'before nowhere.near'\..*'after NAME'\.$"),
        ("during test.call", "no point 'during test.call'"),
        ("test.call", "no point 'test.call'"),
    ],
)
def test_a_point_that_does_not_exist_stops_the_start(point: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        faultpoint.arm({point: "raise"})


def named(name: str) -> LiteralString:
    statement = Statement("SELECT 1")
    statement.name = name
    return cast(LiteralString, statement)


def test_every_statement_is_a_point() -> None:
    assert len(STATEMENTS) > 100
    assert set(STATEMENTS) <= faultpoint.points()


@pytest.mark.integration
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_statement_is_run_between_its_two_points(settings: Settings, when: str) -> None:
    """All of them by one executor, so one that every ledger answers stands for all."""
    with Ledger(settings, "test").connect() as connection:
        for name in STATEMENTS:
            statement = named(name)
            faultpoint.arm({f"{when} {name}": "raise"})
            with pytest.raises(FaultPointError, match=f"{when} {name}"):
                execute(connection, statement)


def test_no_other_code_runs_sql() -> None:
    """So that there is no statement without its points."""
    runs = re.compile(r"\.(execute|copy|executemany)\((?!\))")  # a pipeline of Redis takes nothing
    found = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if "testing" not in path.parts and runs.search(path.read_text())
    ]
    assert found == RUN_SQL


@pytest.mark.integration
def test_redis_calls_have_points(settings: Settings) -> None:
    faultpoint.arm({"before semaphore.rebuild": "raise"})
    with closing(Context(settings, "test")) as context, pytest.raises(FaultPointError):
        sweep(context, context.account(settings.account))
