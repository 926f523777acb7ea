"""Pulse: what is blamed when nobody sweeps is what is at fault, as soon as it can be known."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec
import pytest

from manager.operator.problems import Problem
from manager.operator.status import status
from manager.run.presence import presence
from manager.run.supervisor import ProcessStatus
from manager.semaphore import Presence, Presences
from tests.steps.driver import Driver, closed_port

pytestmark = pytest.mark.integration

LONG_AGO = 40


def says(driver: Driver, *said: Presence) -> Presences:
    """What processes say of themselves in Redis."""
    known = Presences(driver.context.redis, driver.context.ledger_id)
    for it in said:
        known.note(it)
    return known


def made(
    driver: Driver,
    role: str,
    *queues: str,
    pid: int | None = None,
    idle: float | None = None,
    ago: float = 3600,
) -> Presence:
    started = time.time() - ago
    name = f"worker-{queues[0]}" if queues else role
    child = ProcessStatus(name, pid, ago, 0, None, idle)
    return presence(driver.context.settings, role, name, pid or os.getpid(), started, queues, child)


def swept(driver: Driver, seconds: float) -> None:
    driver.sweep()
    driver.execute(
        "UPDATE account SET swept_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
        s=seconds,
        id=driver.account.id,
    )


def problems(driver: Driver) -> Sequence[Problem]:
    return status(driver.context).problems


@pytest.fixture
def gone() -> int:
    """The pid of a process that is not there any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_while_it_is_swept_all_is_well(driver: Driver) -> None:
    says(driver, made(driver, "up"), made(driver, "beat"), made(driver, "worker", "quick"))
    swept(driver, 1)
    assert problems(driver) == []


def test_that_the_daemon_was_killed_is_known_at_once(driver: Driver, gone: int) -> None:
    says(driver, *(made(driver, role, pid=gone) for role in ("up", "beat", "worker")))
    swept(driver, 1)
    [problem] = problems(driver)
    assert problem.code == "daemon-stopped"
    assert f"`enrichd up` (pid {gone} on " in problem.text
    assert "is gone without having been stopped" in problem.text
    assert "Start `enrichd up`" in problem.way_out


def test_that_it_was_stopped_is_told_from_that(driver: Driver) -> None:
    says(driver).ended(made(driver, "up"))
    swept(driver, 1)
    [problem] = problems(driver)
    assert problem.code == "daemon-stopped"
    assert ") was stopped, it was heard of " in problem.text


def test_a_daemon_that_was_just_started_is_waited_for(driver: Driver, gone: int) -> None:
    says(driver, made(driver, "beat", pid=gone), made(driver, "up", ago=2))
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert (problem.code, problem.way_out) == ("daemon-starting", "Wait for some seconds.")


def test_workers_that_do_not_stay_are_blamed(driver: Driver) -> None:
    says(driver, made(driver, "up"))
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert problem.code == "worker-missing"


@pytest.mark.parametrize(
    ("queue", "role", "code"),
    [("merge", "beat", "worker-missing"), ("quick", "web", "beat-missing")],
)
def test_the_process_that_is_missing_is_named(
    driver: Driver, queue: str, role: str, code: str
) -> None:
    says(driver, made(driver, "up"), made(driver, "worker", queue), made(driver, role))
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert problem.code == code


def test_a_beat_that_is_frozen_is_blamed_and_not_the_workers(driver: Driver) -> None:
    says(
        driver,
        made(driver, "up"),
        made(driver, "beat", idle=45),
        made(driver, "worker", "quick", idle=44),
    )
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert problem.code == "beat-stalled"
    assert f"beat (pid {os.getpid()} on " in problem.text
    assert "lives, but sends no wake-ups for 45 s" in problem.text
    assert f"kill -9 {os.getpid()}" in problem.way_out


def test_a_worker_that_is_frozen_is_blamed_while_beat_works(driver: Driver) -> None:
    says(
        driver,
        made(driver, "up"),
        made(driver, "beat", idle=1),
        made(driver, "worker", "merge", idle=1),
        made(driver, "worker", "quick", idle=44),
    )
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert (problem.code, "worker-quick" in problem.text) == ("worker-stalled", True)


def test_where_nobody_seems_to_be_at_fault_that_is_said(driver: Driver) -> None:
    says(driver, made(driver, "up"), made(driver, "beat", idle=1), made(driver, "worker", "quick"))
    swept(driver, LONG_AGO)
    [problem] = problems(driver)
    assert (problem.code, problem.account) == ("sweep-late", driver.account.name)


def test_an_account_that_no_process_knows_is_told_apart(two: tuple[Driver, Driver]) -> None:
    one, other = two
    for said in (made(one, "up"), made(one, "beat"), made(one, "worker", "quick")):
        says(one, msgspec.structs.replace(said, accounts=("alpha",)))
    one.sweep()
    swept(other, LONG_AGO)
    assert status(one.context, "alpha").ok
    [problem] = status(one.context, "beta").problems
    assert (problem.code, problem.account) == ("account-not-served", "beta")
    assert "they serve alpha" in problem.text


def test_without_redis_nobody_is_blamed_but_redis(driver: Driver) -> None:
    swept(driver, LONG_AGO)
    other = driver.another(redis_url=f"redis://127.0.0.1:{closed_port()}")
    assert [it.code for it in problems(other)] == ["redis-unavailable"]
