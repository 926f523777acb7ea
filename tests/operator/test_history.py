"""History: all that happened to an object, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from psycopg import Connection

from manager.errors import NotFoundError
from manager.ledger.connect import Ledger
from manager.operator.actions import Actor, perform
from manager.operator.chosen import choose
from manager.operator.history import Event, history
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(driver: Driver) -> Iterator[Connection[Any]]:
    with Ledger(driver.context.settings, "test").connect() as made:
        yield made


def told(events: Iterable[Event]) -> list[str]:
    return [it.what for it in events]


def only(events: Iterable[Event], what: str) -> Event:
    [found] = [it for it in events if it.what == what]
    return found


def test_a_job_has_its_moves_and_how_the_vendors_list_showed_it(
    driver: Driver, connection: Connection[Any]
) -> None:
    driver.enqueue(2)
    job = driver.completed()
    driver.drain()
    found = history(connection, "job", str(job))
    assert found.about == "2 identifiers, company/enrich, account test: merged"
    moves = [it for it in told(found.events) if it not in ("seen", "judged")]
    assert moves == ["packed", "submitting", "pending", "completed", "merged"]
    assert "seen" in told(found.events)
    assert found.events[0].by is not None
    assert found.events[0].by.startswith("enrichd:")
    times = [it.at for it in found.events if it.at]
    assert times == sorted(times)
    short = history(connection, "job", str(job), limit=2)
    assert (len(short.events), short.complete) == (2, False)
    assert short.events == found.events[-2:]


def test_a_request_says_what_was_bought_joined_and_there_already(
    driver: Driver, connection: Connection[Any]
) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.enqueue(1, first=10)
    joined = driver.packed()
    request = driver.manager.enqueue(
        "domains",
        [f"company-{number:07}.example" for number in (0, 10, 20, 21)] + ["stranger.example"],
        account="test",
    )
    driver.drain()
    found = history(connection, "request", str(request.id))
    assert only(found.events, "requested").detail == "5 identifiers, priority 0"
    assert str(only(found.events, "fresh").detail).startswith("1 identifier had results already")
    assert only(found.events, "joined").job_id == joined
    assert only(found.events, "packed").detail == "3 identifiers"
    assert only(found.events, "finished").detail == "4 fulfilled, 1 not found, 0 failed"
    assert found.about == "5 identifiers, company/enrich, account test: finished"


def test_what_operators_did_is_among_it_with_who_and_why(
    driver: Driver, connection: Connection[Any]
) -> None:
    request = driver.enqueue(1)
    lane = str(driver.value("SELECT id FROM lane"))
    actor = Actor("anna", "cli", "the night's incident")
    perform(driver.context, "lane.pause", choose("lane", {"id": lane}), {}, actor)
    perform(driver.context, "request.cancel", choose("request", {"id": str(request.id)}), {}, actor)
    for kind, id in (("lane", lane), ("request", str(request.id))):
        some: Any = kind
        [act] = [it for it in history(connection, some, id).events if it.by == "anna (cli)"]
        assert "the night's incident" in str(act.detail)
    assert "paused" in told(history(connection, "lane", lane).events)
    assert "cancelled" in told(history(connection, "request", str(request.id)).events)


def test_an_enrichment_an_account_and_a_lane_have_histories_too(
    driver: Driver, connection: Connection[Any]
) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.pause()
    found = history(connection, "enrichment", str(driver.value("SELECT id FROM enrichment")))
    assert told(found.events) == [
        "requested", "packed", "submitted", "accepted", "completed", "fulfilled",
    ]  # fmt: skip
    assert found.about.startswith(
        "company-0000000.example, company/enrich, account test: fulfilled"
    )
    for kind, id in (("account", "test"), ("lane", str(driver.value("SELECT id FROM lane")))):
        some: Any = kind
        events = told(history(connection, some, id).events)
        assert {"made", "requested", "packed", "merged", "finished"} <= set(events)
    assert "paused" in told(history(connection, "account", "test").events)


def test_what_there_is_not_has_none(connection: Connection[Any]) -> None:
    nobody = "01a218c0-22b8-7019-8abc-01a793fd7554"
    ids = {"job": nobody, "request": nobody, "enrichment": "99", "account": "x", "lane": "99"}
    for kind, id in ids.items():
        some: Any = kind
        with pytest.raises(NotFoundError, match=f"There is no {kind} {id}"):
            history(connection, some, id)
