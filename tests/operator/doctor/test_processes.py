"""Processes: who is at work, by what each says of itself and by what the ledger knows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from manager import Settings
from manager.ledger.connect import connect
from manager.operator.doctor import Finding
from manager.run.presence import presence, present
from manager.semaphore import Presence, Presences
from manager.semaphore.names import presences
from manager.semaphore.presence import DEAD
from manager.steps.context import Context
from manager.vendor.agent import our_version
from tests.operator.doctor.looking import look, only, troubles
from tests.steps.driver import Driver, closed_port
from tests.steps.patience import until

pytestmark = pytest.mark.integration


def a_process(name: str, role: str, **said: Any) -> Presence:
    values: dict[str, Any] = {
        "host": "one",
        "pid": 1,
        "version": our_version(),
        "started": time.time() - 60,
        "clock": time.time(),
        "accounts": ("test",),
    }
    return Presence(name=name, role=role, **values | said)


DAEMON: list[tuple[str, str, dict[str, Any]]] = [
    ("worker-quick", "worker", {"queues": ("quick",)}),
    ("worker-merge", "worker", {"queues": ("merge",)}),
    ("worker-tell", "worker", {"queues": ("tell",)}),
    ("beat", "beat", {}),
    ("web", "web", {}),
    ("up", "up", {}),
]


def at_work(driver: Driver, without: str = "", **said: Any) -> Presences:
    """A daemon that has just said that it is at work, but for one of its processes."""
    known = Presences(driver.context.redis, driver.context.ledger_id)
    for name, role, more in DAEMON:
        if name != without:
            known.note(a_process(name, role, **more | said))
    return known


@contextmanager
def listening(driver: Driver) -> Iterator[None]:
    """A beat that listens for enqueues."""
    with connect(driver.context.settings, "beat") as connection:
        connection.execute("LISTEN enrichd_wake")
        yield


def looked(driver: Driver) -> list[Finding]:
    return look(driver.context.settings, "processes")


def test_a_daemon_at_work_is_no_trouble(driver: Driver) -> None:
    driver.sweep()
    at_work(driver)
    with listening(driver):
        found = looked(driver)
    assert troubles(found) == []
    assert only(found, "worker-quick").means == (
        f"on one, pid 1, {our_version()}, up for 60 s, takes quick, serves test"
    )
    assert only(found, "sweep").account == "test"
    assert "hears of enqueues at once" in only(found, "listener").means


def test_before_the_first_start_nothing_is_at_work_which_is_a_warning(driver: Driver) -> None:
    assert troubles(looked(driver)) == [("warning", "daemon"), ("warning", "sweep")]


def test_while_work_waits_that_is_a_problem(driver: Driver) -> None:
    driver.enqueue(1)
    assert troubles(looked(driver)) == [("problem", "daemon"), ("problem", "sweep")]


@pytest.mark.parametrize(
    ("without", "found"),
    [
        ("worker-quick", [("problem", "workers"), ("warning", "served")]),
        ("worker-merge", [("problem", "workers"), ("warning", "served")]),
        ("worker-tell", [("problem", "workers"), ("warning", "served")]),
        ("beat", [("problem", "beat")]),
        ("web", [("warning", "web")]),
        ("up", []),
    ],
)
def test_what_is_missing_is_named(
    driver: Driver, without: str, found: list[tuple[str, str]]
) -> None:
    driver.sweep()
    at_work(driver, without)
    with listening(driver):
        assert troubles(looked(driver)) == found


def test_a_process_that_was_killed_is_told_by_when_it_was_heard_of(driver: Driver) -> None:
    driver.sweep()
    known = at_work(driver)
    key = presences(driver.context.ledger_id)
    dead = a_process("worker-quick", "worker", pid=99, queues=("quick",))
    known.note(dead)
    value = driver.context.redis.hget(key, dead.process)
    assert isinstance(value, bytes)
    at, _, said = value.partition(b" ")
    ago = int(at) - int(DEAD) - 60
    driver.context.redis.hset(key, dead.process, b"%d %s" % (ago, said))
    with listening(driver):
        found = looked(driver)
    assert troubles(found) == [("warning", "worker-quick")]
    [warning] = [it for it in found if it.level == "warning"]
    assert "pid 99: last heard of 9" in warning.means


def test_an_account_that_nobody_serves_is_named(two: tuple[Driver, Driver]) -> None:
    at_work(two[0], accounts=("alpha", "test"))
    found = [it for it in looked(two[0]) if it.subject == "served"]
    assert [(it.account, it.level) for it in found] == [("beta", "warning")]
    assert "no worker of the queue enrichd.quick, and no " in found[0].means
    two[1].enqueue(1)
    found = [it for it in looked(two[0]) if it.subject == "served"]
    assert [(it.account, it.level) for it in found] == [("beta", "problem")]


def test_several_releases_clocks_and_supervisors_are_told(driver: Driver) -> None:
    driver.sweep()
    known = at_work(driver)
    known.note(a_process("up", "up", pid=2))
    known.note(a_process("web", "web", host="two", version="9.9", clock=time.time() + 60))
    with listening(driver):
        found = looked(driver)
    assert troubles(found) == [
        ("warning", "versions"),
        ("warning", "clock"),
        ("warning", "supervisors"),
    ]
    assert "that of two is 6" in only(found, "clock").means


def test_that_nobody_listens_is_a_warning(driver: Driver) -> None:
    driver.sweep()
    at_work(driver)
    assert troubles(looked(driver)) == [("warning", "listener")]


def test_without_redis_the_ledger_tells_what_it_can(driver: Driver) -> None:
    driver.sweep()
    other = driver.another(redis_url=f"redis://127.0.0.1:{closed_port()}")
    found = look(other.context.settings, "processes")
    assert troubles(found) == [("warning", "Redis")]
    assert only(found, "sweep").level == "ok"


def test_an_old_sweep_is_told(driver: Driver) -> None:
    driver.sweep()
    driver.execute("UPDATE account SET swept_at = now() - interval '10 minutes'")
    assert "last 10 minutes ago: nobody works for it" in only(looked(driver), "sweep").means


@pytest.mark.parametrize(
    ("name", "code", "does"),
    [
        ("beat", "beat-stalled", "sends no wake-ups"),
        ("worker-quick", "worker-stalled", "takes no wake-ups"),
    ],
)
def test_an_old_sweep_blames_who_hangs_and_asks_nobody_to_start_another(
    driver: Driver, name: str, code: str, does: str
) -> None:
    driver.sweep()
    driver.execute("UPDATE account SET swept_at = now() - interval '10 minutes'")
    known = at_work(driver)
    assert only(looked(driver), "sweep").code == "sweep-late"
    assert "though a worker and beat are at work" in only(looked(driver), "sweep").means
    role, more = next((role, more) for it, role, more in DAEMON if it == name)
    known.note(a_process(name, role, idle=600.0, **more))
    told = only(looked(driver), "sweep")
    assert (told.code, f"{name} (pid 1 on one) lives, but {does}" in told.means) == (code, True)
    assert "supervisor replaces it" in (told.advice)


def test_an_old_sweep_blames_nobody_where_redis_is_away(driver: Driver) -> None:
    driver.sweep()
    driver.execute("UPDATE account SET swept_at = now() - interval '10 minutes'")
    other = driver.another(redis_url=f"redis://127.0.0.1:{closed_port()}")
    told = only(look(other.context.settings, "processes"), "sweep")
    assert (told.means, told.advice) == ("last 10 minutes ago", "See what is found of Redis.")


def test_a_supervisor_says_who_is_at_work_and_who_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(settings, "test")
    known = Presences(context.redis, context.ledger_id)
    monkeypatch.setattr("manager.run.presence.TICK", 0.05)
    pids = [77]

    def others() -> list[Presence]:
        return [presence(settings, "worker", "worker-quick", pids[-1], time.time(), ("quick",))]

    with ExitStack() as stack:
        stack.enter_context(present(settings, "up", others))
        until(lambda: bool(known.seen()))
        [seen, worker] = known.seen()
        pids.append(78)
        until(lambda: worker.presence.process not in {it.presence.process for it in known.seen()})
        assert {it.presence.pid for it in known.seen()} == {os.getpid(), 78}
    assert (seen.alive, worker.presence.queues) == (True, ("quick",))
    assert seen.presence.accounts == (settings.account,)
    assert abs(seen.ahead) < 5
    [stopped] = known.seen()
    assert (stopped.presence.role, stopped.presence.ended, stopped.alive) == ("up", True, False)
    context.close()


def test_a_ledger_that_is_not_there_yet_keeps_no_process_from_its_work(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_schema": "nowhere"})
    with present(nowhere, "web"):
        pass
    with psycopg.connect(settings.postgres) as connection:
        row = connection.execute("SELECT to_regnamespace('nowhere')").fetchone()
    assert row == (None,)
