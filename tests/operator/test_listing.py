"""Lists: each kind in each order, page by page, and as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from manager.errors import InvalidRequestError
from manager.ledger.connect import Ledger
from manager.ledger.sql import Statements
from manager.operator.chosen import KINDS, Kind, choose, reading
from manager.operator.listing import SORTS, Page, export, page, pages
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(driver: Driver) -> Iterator[Connection[Any]]:
    with Ledger(driver.context.settings, "test").connect() as made:
        yield made


@pytest.fixture
def full(driver: Driver) -> Driver:
    """A ledger with several of each kind."""
    for number, path in enumerate(("headcount.total", "unsupported")):
        driver.enqueue(2, first=10 * number, unknown=1, fields=(path,))
    driver.sandbox.foreign(identifier_count=7)
    driver.drain()
    driver.sandbox.foreign(identifier_count=8)
    driver.look_now()
    first = driver.completed(2, first=50)
    driver.rewrite(first, lambda lines: [lines[0]] * len(lines))
    driver.drain()
    driver.enqueue(1, first=60, metadata={"note": '=HYPERLINK("x")', "n": 1}, idempotency_key="k1")
    driver.packed(1, first=70)
    driver.enqueue(2, first=80)
    driver.execute("UPDATE enrichment SET state = 'failed', settled_at = now(), reason = 'why' "
                   "WHERE id IN (SELECT max(id) FROM enrichment)")  # fmt: skip
    return driver


def key(row: Any) -> Any:
    """What tells it apart."""
    return getattr(row, next(it for it in (
        "request_id", "enrichment_id", "stray_id", "lane_id", "batch_id", "job_id"
    ) if hasattr(row, it) and not (it == "batch_id" and hasattr(row, "slot"))))  # fmt: skip


def test_pages_of_any_size_give_all_once_and_in_one_order(
    full: Driver, connection: Connection[Any]
) -> None:
    for kind, sort in [(it, name) for it in KINDS for name in SORTS[it]]:
        given = {"id": ",".join(map(str, range(1, 99)))} if sort == "settled" else {}
        chosen = choose(kind, given)
        whole = page(connection, chosen, sort, limit=1_000)
        assert whole.next is None
        assert len(whole.rows) >= 1
        for size in (1, 2, 3):
            found = list(pages(connection, chosen, sort, size))
            assert [row for some in found for row in some] == whole.rows, (kind, sort)
            assert {len(some) for some in found[:-1]} <= {size}
        assert len({key(row) for row in whole.rows}) == len(whole.rows)


def test_orders_are_what_they_are_called(full: Driver, connection: Connection[Any]) -> None:
    def listed(kind: Kind, sort: str | None = None, **given: str) -> list[Any]:
        return page(connection, choose(kind, given), sort).rows

    requests = listed("request")
    assert [row.finished_at is None for row in requests[:2]] == [True, True]
    assert requests[-1].finished_at is not None
    assert [it.created_at for it in listed("request", "oldest")] == sorted(
        row.created_at for row in requests
    )
    jobs = listed("job", "ended")
    assert jobs[0].ended_at is None
    ends = [row.ended_at for row in jobs if row.ended_at]
    assert ends == sorted(ends, reverse=True)
    lanes = listed("lane")
    assert lanes[0].waiting > 0
    assert lanes[0].oldest_at is not None
    assert [row.waiting for row in lanes] == sorted((it.waiting for it in lanes), reverse=True)
    failed = listed("enrichment", state="failed")
    assert (failed[0].state, failed[0].reason) == ("failed", "why")
    ends = [row.settled_at for row in failed]
    assert ends == sorted(ends, reverse=True)


def test_a_job_that_comes_in_between_is_neither_shown_twice_nor_hides_another(
    full: Driver, connection: Connection[Any]
) -> None:
    chosen = choose("job", {})
    first = page(connection, chosen, limit=2)
    all_before = [row.job_id for row in page(connection, chosen).rows]
    full.packed(1, first=90)
    second = page(connection, chosen, after=first.next, limit=50)
    assert [row.job_id for row in [*first.rows, *second.rows]] == all_before


def test_lanes_say_what_waits_what_is_at_work_and_what_is_paused(driver: Driver) -> None:
    driver.enqueue(3)
    with Ledger(driver.context.settings, "test").connect() as connection:

        def only() -> Any:
            [row] = page(connection, choose("lane", {})).rows
            return row

        assert (only().waiting, only().jobs, only().in_jobs, only().paused) == (3, 0, 0, None)
        driver.packed()
        assert (only().waiting, only().jobs, only().in_jobs) == (0, 1, 3)
        driver.pause()
        assert (only().paused, only().reason) == ("account", "by an operator")
        driver.execute("UPDATE lane SET paused_at = now(), paused_reason = 'not now'")
        assert (only().paused, only().reason) == ("lane", "not now")
        assert page(connection, choose("lane", {"state": "paused"})).rows == [only()]
        assert page(connection, choose("lane", {"state": "waiting"})).rows == []


@pytest.mark.parametrize(
    ("kind", "sort", "after"),
    [
        ("job", None, "x"),
        ("job", "ended", "2026-01-01"),
        ("job", "ended", "soon~01a218c0-22b8-7019-8abc-01a793fd7554"),
        ("request", None, "2~01a218c0-22b8-7019-8abc-01a793fd7554"),
        ("request", None, "01a218c0-22b8-7019-8abc-01a793fd7554"),
        ("enrichment", "newest", "-1"),
        ("lane", "newest", "99999999999"),
        ("vendor_job", None, "2026-01-01T00:00~a\0b"),
    ],
)
def test_where_no_page_ended_none_begins(
    connection: Connection[Any], kind: Kind, sort: str | None, after: str
) -> None:
    with pytest.raises(InvalidRequestError, match="is not where a page of this list has ended"):
        page(connection, choose(kind, {}), sort, after)


def test_orders_that_there_are_not(connection: Connection[Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"'colour' is not one of newest, oldest, ended"):
        page(connection, choose("job", {}), "colour")
    with pytest.raises(InvalidRequestError, match="those of a job, a request or an identifier"):
        page(connection, choose("enrichment", {}), "settled")
    with pytest.raises(InvalidRequestError, match="'xls' is not one of csv, jsonl"):
        export(connection, choose("job", {}), format="xls")


def test_an_export_is_what_is_shown_and_nothing_in_it_is_executed(
    full: Driver, connection: Connection[Any]
) -> None:
    chosen = choose("request", {"metadata.n": "1"})
    [row] = page(connection, chosen).rows
    text = b"".join(export(connection, chosen)).decode()
    [record] = csv.DictReader(text.splitlines())
    assert record["request_id"] == str(row.request_id)
    assert record["idempotency_key"] == "k1"
    assert record["fields"] == "[]"
    assert json.loads(record["metadata"].replace("'=", "=")) == {"note": '=HYPERLINK("x")', "n": 1}
    assert record["finished_at"] == ""
    [line] = b"".join(export(connection, chosen, format="jsonl")).splitlines()
    assert json.loads(line)["metadata"] == row.metadata
    assert json.loads(line)["created_at"] == row.created_at.isoformat()


def test_every_kind_can_be_exported(full: Driver, connection: Connection[Any]) -> None:
    for kind in KINDS:
        chosen = choose(kind, {})
        rows = page(connection, chosen, limit=1_000).rows
        lines = b"".join(export(connection, chosen, format="jsonl")).splitlines()
        assert len(lines) == len(rows)
        head, *cells = csv.reader(b"".join(export(connection, chosen)).decode().splitlines())
        assert head == list(json.loads(lines[0]))
        assert len(cells) == len(rows)


def test_a_page_that_takes_too_long_is_broken_off(
    full: Driver, connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    full.execute("BEGIN")
    full.execute("LOCK TABLE job")
    with monkeypatch.context() as hasty:
        hasty.setattr("manager.operator.listing.paging.PATIENCE", 0.01)
        with pytest.raises(InvalidRequestError, match="narrow it, for example by since"):
            page(connection, choose("job", {}))
    full.execute("ROLLBACK")
    assert isinstance(page(connection, choose("job", {})), Page)


def test_statements_read_what_is_chosen() -> None:
    """In a kind's own place, wherever it stands."""
    listed = reading(Statements("listing"))
    assert "FROM (SELECT j.*" in listed.jobs_newest
    assert "chosen_" not in "".join(getattr(listed, name) for name in listed.names())
