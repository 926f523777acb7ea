"""Lookup: what the ledger knows already, of every state that an identifier can be in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from manager import (
    AsyncManager,
    ConfigurationError,
    InvalidRequestError,
    Known,
    Manager,
    Outcome,
    Settings,
)
from manager.client import lookup
from manager.ledger import migrate
from manager.ledger.connect import Ledger
from manager.ledger.execute import Execute
from manager.ledger.script import run
from tests.steps.driver import Driver, domains

pytestmark = pytest.mark.integration
DOMAIN, OTHER, THIRD = domains(3)
STRANGER = "stranger-0.example"


def known(driver: Driver, *identifiers: str, **options: Any) -> list[Known]:
    return list(driver.manager.lookup("domains", identifiers, **options))


def one(driver: Driver, identifier: str = DOMAIN, **options: Any) -> Known:
    [found] = known(driver, identifier, **options)
    return found


def test_what_was_never_asked_for_is_told_so_and_nothing_is_bought(driver: Driver) -> None:
    found = one(driver)
    assert (found.outcome, found.record, found.why) == (None, None, "never asked for")
    assert (found.waiting, found.account, found.fields) == (False, None, None)
    assert driver.rows("SELECT FROM enrichment") == []


def test_it_follows_an_identifier_from_waiting_to_its_record(driver: Driver) -> None:
    driver.enqueue(1, unknown=1, fields=["headcount.total"])
    waiting = one(driver)
    assert (waiting.waiting, waiting.outcome) == (True, None)
    assert waiting.why == "waits to be packed into a job"

    job_id = driver.packed()
    packed = one(driver)
    assert (packed.waiting, packed.job_id) == (True, job_id)
    assert packed.why == f"waits in job {job_id} (packed)"

    driver.drain()
    found, stranger = known(driver, f"https://www.{DOMAIN}/about", STRANGER)
    assert (found.position, found.identifier) == (0, f"https://www.{DOMAIN}/about")
    assert (found.outcome, found.why, found.waiting) == (Outcome.FULFILLED, None, False)
    assert found.record["basic_info"]["primary_domain"] == DOMAIN
    assert found.vendor_id == found.record["crustdata_company_id"]
    assert (found.account, found.endpoint) == ("test", "company/enrich")
    assert (found.fields, found.job_id) == (("headcount.total",), job_id)
    assert found.fetched_at is not None
    assert found.age is not None
    assert timedelta(0) <= found.age < timedelta(minutes=5)
    assert (stranger.outcome, stranger.record) == (Outcome.NOT_FOUND, None)
    assert stranger.why == f"not found {stranger.fetched_at:%Y-%m-%d %H:%M:%S} UTC"


def test_the_newest_record_of_any_lane_is_told_with_where_it_is_from(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.enqueue(1, fields=["headcount.total"])
    driver.drain()
    assert one(driver).fields == ("headcount.total",)
    assert one(driver, fields=["headcount.total"]).fields == ("headcount.total",)
    assert one(driver, fields=["headcount"]).why == "never asked for with headcount"
    driver.enqueue(1, max_age=0)
    driver.drain()
    assert one(driver).fields == ()


def test_beside_a_record_it_says_what_has_come_since(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.enqueue(1, fields=["headcount.total"])
    found = one(driver)
    assert (found.outcome, found.waiting, found.fields) == (Outcome.FULFILLED, True, ())
    assert found.why == "a newer one waits to be packed into a job"
    driver.execute("UPDATE enrichment SET reason = 'no more' WHERE state = 'pending'")
    driver.execute(
        "UPDATE enrichment SET state = 'failed', settled_at = now() WHERE state = 'pending'"
    )
    found = one(driver)
    assert found.why is not None
    assert (found.waiting, found.why.startswith("since then failed")) == (False, True)
    assert found.why.endswith(": no more")


def test_a_refresh_that_waits_or_finds_nothing_does_not_hide_the_record(driver: Driver) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.enqueue(1, max_age=0)
    assert (one(driver).outcome, one(driver).waiting) == (Outcome.FULFILLED, True)
    driver.execute(
        "UPDATE enrichment SET state = 'failed', reason = 'gone', settled_at = now() "
        "WHERE state = 'pending'"
    )
    assert one(driver).outcome is Outcome.FULFILLED
    driver.enqueue(1)
    [cancelled] = driver.manager.lookup("domains", [OTHER])
    assert cancelled.outcome is None
    request = driver.enqueue(1, first=1)
    request.cancel()
    [cancelled] = driver.manager.lookup("domains", [OTHER])
    assert cancelled.outcome is Outcome.CANCELLED
    assert cancelled.why is not None
    assert cancelled.why.endswith("no request wants it any more")


def test_nothing_older_than_max_age_counts(driver: Driver) -> None:
    driver.enqueue(1, unknown=1)
    driver.drain()
    driver.execute("UPDATE result SET fetched_at = fetched_at - interval '2 days'")
    driver.execute("UPDATE enrichment SET settled_at = settled_at - interval '2 days'")
    fresh, stranger = known(driver, DOMAIN, STRANGER, max_age=timedelta(days=3))
    assert (fresh.outcome, stranger.outcome) == (Outcome.FULFILLED, Outcome.NOT_FOUND)
    old, stranger = known(driver, DOMAIN, STRANGER, max_age=86_400)
    assert (old.outcome, old.record, stranger.outcome) == (None, None, None)
    assert old.why is not None
    assert old.why.endswith("older than max_age")
    assert stranger.why is not None
    assert stranger.why.endswith("longer ago than max_age")


def test_accounts_and_endpoints_narrow_it(driver: Driver) -> None:
    migrate.upgrade(driver.context.settings.model_copy(update={"account": "second"}))
    driver.enqueue(1)
    driver.drain()
    assert one(driver, account="test").outcome is Outcome.FULFILLED
    assert one(driver, account="second").why == "never asked for on account second"
    assert one(driver, endpoint="company/enrich").outcome is Outcome.FULFILLED
    with pytest.raises(ConfigurationError, match="no account named 'nope'; it has: second, test"):
        known(driver, DOMAIN, account="nope")


def test_what_cannot_be_looked_up_says_so_in_its_place(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "CHUNK", 2)
    given = ["a@b.example", DOMAIN, "", "x", OTHER, DOMAIN]
    found = known(driver, *given)
    assert [(it.position, it.identifier) for it in found] == list(enumerate(given))
    assert str(found[0].why).startswith("cannot be looked up: it is not a domain (it contains @")
    assert [it.why for it in found][3:] == [
        "cannot be looked up: it is not a domain (it has no dot)",
        "never asked for",
        "never asked for",
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"identifiers": "stripe.com"}, "must be a list"),
        ({"identifiers": ["a.com"], "identifier_type": "domain"}, "'domain' is not one of"),
        ({"identifiers": ["a.com"], "endpoint": "company"}, "'company' is not one of"),
        ({"identifiers": ["a.com"], "endpoint": "person/enrich"}, "is none of person/enrich"),
        ({"identifiers": ["a.com"], "fields": "a.b"}, "fields must be a list"),
        ({"identifiers": ["a.com"], "max_age": "a day"}, "is not a time span"),
        ({"identifiers": ["a.com"], "max_age": -1}, "is not between 0 and"),
    ],
)
def test_a_wrong_call_is_refused_at_once(
    settings: Settings, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(InvalidRequestError, match=error):
        Manager(settings).lookup(**{"identifier_type": "domains"} | arguments)


def test_its_transactions_cannot_write(driver: Driver) -> None:
    """Whatever a statement of it were to do."""
    [script] = lookup.Lookup("domains", [DOMAIN]).chunks()
    with Ledger(driver.context.settings, "test").connect() as connection, connection.transaction():
        run(connection, script)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            run(connection, iter_of("UPDATE request SET priority = 1"))


def iter_of(sql: Any) -> Any:
    yield Execute(sql)


def test_millions_stream_in_parts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "CHUNK", 10)
    taken = 0

    def many() -> Iterator[str]:
        nonlocal taken
        for number in range(10**9):
            taken += 1
            yield f"company-{number}.example"

    found = Manager(settings).lookup("domains", many())
    assert [next(found).position for _ in range(25)] == list(range(25))
    assert taken <= 40


def test_the_async_manager_finds_the_same(driver: Driver) -> None:
    driver.enqueue(1, unknown=1)
    driver.drain()

    async def read() -> list[Known]:
        found = AsyncManager(driver.context.settings).lookup("domains", [DOMAIN, STRANGER])
        return [it async for it in found]

    there = asyncio.run(read())
    assert [(it.outcome, it.record) for it in there] == [
        (it.outcome, it.record) for it in known(driver, DOMAIN, STRANGER)
    ]


def events(found: Known) -> list[tuple[str, int]]:
    assert found.history is not None
    return [(it.event, it.cycle) for it in found.history]


def bought(driver: Driver) -> None:
    """Drain, and take back how the driver lets time pass."""
    driver.drain()
    driver.execute(
        "UPDATE job SET submitting_at = created_at, accepted_at = created_at, "
        "completed_at = created_at"
    )


STEPS = ["packed", "submitted", "accepted", "completed", "fulfilled"]


def test_the_history_has_every_request_job_and_purchase_in_order(driver: Driver) -> None:
    first = driver.enqueue(1)
    bought(driver)
    hit = driver.enqueue(1)
    again = driver.enqueue(1, max_age=0)
    bought(driver)
    dropped = driver.enqueue(1, max_age=0)
    dropped.cancel()
    found = one(driver, history=True)
    assert events(found) == [
        ("requested", 1), *((step, 1) for step in STEPS),
        ("requested", 1),
        ("requested", 2), *((step, 2) for step in STEPS),
        ("requested", 3), ("cancelled", 3),
    ]  # fmt: skip
    assert found.history is not None
    requests = [it for it in found.history if it.event == "requested"]
    assert [it.request_id for it in requests] == [first.id, hit.id, again.id, dropped.id]
    assert [bool(it.detail and "had the result of" in it.detail) for it in requests] == [
        False, True, False, False,
    ]  # fmt: skip
    jobs = [it.job_id for it in found.history if it.event == "fulfilled"]
    assert jobs == [it.id for it in driver.rows("SELECT id FROM job ORDER BY created_at")]
    accepted = [it.batch_id for it in found.history if it.event == "accepted"]
    assert accepted == [job["batch_id"] for job in driver.sent()]
    assert [it.at for it in found.history] == sorted(it.at for it in found.history if it.at)
    assert one(driver).history is None


def test_what_is_not_in_the_ledger_any_more_is_missed(driver: Driver) -> None:
    driver.enqueue(1)
    bought(driver)
    driver.enqueue(1, max_age=0)
    bought(driver)
    driver.execute("DELETE FROM result WHERE cycle = 1")
    driver.execute("DELETE FROM request_item WHERE cycle = 1")
    found = one(driver, history=True)
    assert events(found)[:2] == [("missing", 1), ("missing", 1)]
    assert [it for it, cycle in events(found) if cycle == 2] == ["requested", *STEPS]
    driver.execute("DELETE FROM result")
    gone = one(driver)
    assert (gone.outcome, gone.record) == (None, None)
    assert gone.why is not None
    assert gone.why.endswith("the record is no longer in the ledger")


def test_a_large_ledger_is_probed_and_not_read(driver: Driver) -> None:
    """As many index probes as keys and lanes, whatever the planner thinks of the tables."""
    job_id = driver.completed(3)
    driver.execute("INSERT INTO lane (account_id, endpoint, identifier_type, fields) "
                   "SELECT id, 'company/enrich', 'domains', ARRAY['x'] FROM account")  # fmt: skip
    driver.execute(
        "INSERT INTO enrichment (lane_id, key, identifier, state) SELECT lane.id, n::text, 'x', "
        "'pending' FROM lane, generate_series(1, 20000) n"
    )
    driver.execute(
        "INSERT INTO result (enrichment_id, cycle, outcome, record, job_id) "
        "SELECT id, 1, 'fulfilled', '{}', %(job_id)s FROM enrichment WHERE state = 'pending'",
        job_id=job_id,
    )
    driver.execute("ANALYZE enrichment, result")
    parameters = {"keys": [str(n) for n in range(200)], "lanes": [1, 2]}
    plan = "\n".join(it[0] for it in driver.rows(f"EXPLAIN {lookup.SQL.known}", **parameters))
    assert "enrichment_key" in plan
    assert "Seq Scan on enrichment" not in plan
    assert "Seq Scan on result" not in plan
