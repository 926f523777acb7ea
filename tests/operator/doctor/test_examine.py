"""Examine: areas side by side, none in the other's way, and nothing changed anywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, get_args

import psycopg
import pytest
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from manager import Settings
from manager.operator.doctor import AREAS, Area, Diagnosis, Finding, examine
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import each, ok, warning
from manager.semaphore import connect
from manager.settings.origins import Reading
from tests.operator.doctor.looking import only, troubles
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
OBJECTS = "SELECT count(*), max(oid::bigint) FROM pg_class WHERE relpersistence <> 't'"


def diagnosis(settings: Settings, limit: float = 30.0) -> Diagnosis:
    return examine(Reading(settings, {}, []), limit=limit)


def in_the_ledger(settings: Settings) -> list[Any]:
    """Every row of every table, and what tables there are."""
    with psycopg.connect(settings.postgres, row_factory=tuple_row) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        tables = [name for (name,) in connection.execute(TABLES).fetchall()]
        rows = [
            connection.execute(SQL("SELECT t::text FROM {} t ORDER BY 1").format(Identifier(name)))
            for name in tables
        ]
        return [tables, connection.execute(OBJECTS).fetchall(), *(it.fetchall() for it in rows)]


def in_redis(settings: Settings) -> dict[bytes, bytes | None]:
    """All that is in Redis, but for the calls that are counted."""
    with connect(settings) as redis:
        names = [name for name in redis.scan_iter() if b":calls:" not in name]
        return {name: redis.dump(name) for name in names}


def test_every_area_is_looked_at_in_its_order(driver: Driver) -> None:
    found = diagnosis(driver.context.settings).findings
    assert list(dict.fromkeys(it.area for it in found)) == list(get_args(Area)) == list(AREAS)


def test_nothing_is_changed_anywhere(driver: Driver) -> None:
    settings = driver.context.settings
    driver.completed(3)
    driver.accepted(2, first=10)
    driver.sandbox.foreign()
    driver.sweep()
    spool = driver.context.spool_dir
    (spool / "something").mkdir(parents=True)
    before = in_the_ledger(settings), in_redis(settings), list(spool.rglob("*"))
    calls = driver.sandbox.record()["calls"]
    diagnosis(settings)
    assert (in_the_ledger(settings), in_redis(settings), list(spool.rglob("*"))) == before
    after = driver.sandbox.record()["calls"]
    assert {route: it for route, it in after.items() if calls.get(route) != it}.keys() == {"list"}
    assert sum(after["list"].values()) == sum(calls["list"].values()) + 1


def test_an_area_that_fails_keeps_no_other_from_being_looked_at(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Case) -> Iterator[Finding]:
        yield ok("first", "it is there")
        raise RuntimeError("something unforeseen, password=s3cret")

    monkeypatch.setitem(AREAS, "redis", broken)
    found = diagnosis(driver.context.settings).findings
    assert "could not be looked at: " in only(found, "the rest").means
    assert "s3cret" not in repr(found)
    assert {it.area for it in found} == set(get_args(Area))


def test_a_check_that_fails_keeps_no_other_from_being_made() -> None:
    def one() -> Iterator[Finding]:
        raise KeyError("one")

    def other() -> Iterator[Finding]:
        yield warning("other", "it was made", "Nothing.")

    found = list(each((one, other)))
    assert troubles(found) == [("warning", "one"), ("warning", "other")]


def test_an_area_that_hangs_is_given_up_and_told(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def hanging(_: Case) -> Iterator[Finding]:
        yield ok("first", "it is there")
        ended.wait()

    monkeypatch.setitem(AREAS, "spool", hanging)
    found = examine(
        Reading(driver.context.settings, {}, []), ["configuration", "spool"], limit=5.0
    ).findings
    ended.set()
    problem = only(found, "time limit")
    assert (problem.area, problem.level) == ("spool", "problem")
    assert "what comes after 'first' was not looked at" in problem.means


def test_with_nothing_configured_every_area_says_so() -> None:
    found = examine(Reading(Settings(vendor_url="http://127.0.0.1:1"), {}, []))
    assert {it.area for it in found.findings} == set(get_args(Area))
    assert found.worst == "problem"
    assert "could not be looked at" not in repr(found.findings)
