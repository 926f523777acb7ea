"""Budgets: what is over waits, visibly; the rest goes on; no cap is ever passed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from manager import BudgetError, ConfigurationError, Manager, Settings
from manager.ledger import budgets, migrate
from manager.ledger.budgets import BudgetStanding, standing
from manager.ledger.connect import connect
from manager.ledger.execute import rows
from manager.ledger.sql import Statement
from manager.operator.actions import Actor, perform
from manager.operator.chosen import Kind, choose
from manager.operator.listing import page
from manager.operator.status import status
from manager.settings.prices import Budget
from manager.steps import retain
from tests.steps.driver import Driver
from tests.steps.years import retained

pytestmark = pytest.mark.integration

PRICE = {"company/enrich": Decimal(2)}
Budgeted = Callable[..., Driver]
# It knows no ranks that are not to be packed.
PACKED_BY_THE_RELEASE_BEFORE = """
WITH made AS (
    INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
    SELECT gen_random_uuid(), account_id, lane_id, 'packed', 'lingered 0 s', count
    FROM lane, (SELECT lane_id, count(*) FROM enrichment GROUP BY lane_id) waiting
    WHERE lane.id = lane_id RETURNING id
)
UPDATE enrichment SET state = 'packed', job_id = made.id FROM made
"""


@pytest.fixture
def budgeted(driver: Driver) -> Budgeted:
    """A daemon, and callers, with these budgets."""

    def make(*budgets: dict[str, Any], **changes: Any) -> Driver:
        given = {"price": PRICE, "budgets": [Budget(**it) for it in budgets], "linger": 0.0}
        made = driver.another(**(given | changes))
        migrate.upgrade(made.context.settings)
        return made

    return make


def stands(driver: Driver) -> BudgetStanding:
    with driver.context.ledger.connect() as connection:
        [found] = standing(connection)
    return found


def sizes(driver: Driver) -> list[int]:
    return [row[0] for row in driver.rows("SELECT identifier_count FROM job ORDER BY id")]


def listed(driver: Driver, kind: Kind) -> list[Any]:
    with driver.context.ledger.connect() as connection:
        return list(page(connection, choose(kind, {})).rows)


def spent(driver: Driver, name: str = "credits", tag: str | None = None) -> Decimal:
    return Decimal(
        driver.value(
            "SELECT coalesce(sum(amount), 0) FROM day_counter WHERE name = %(name)s "
            "AND (%(tag)s::text IS NULL OR tag = %(tag)s)",
            name=name,
            tag=tag,
        )
    )


def to_the_turn(driver: Driver) -> None:
    driver.advance(25 * 3600)
    driver.work()


# Of an account


def test_a_job_is_cut_to_what_the_budget_allows(budgeted: Budgeted) -> None:
    driver = budgeted({"account": "test", "per": "day", "credits": 7})
    driver.enqueue(5)
    driver.pack()
    assert sizes(driver) == [3]
    assert driver.states() == {"packed": 3, "pending": 2}
    found = stands(driver)
    assert [found.reserved_credits, found.waiting_credits] == [6, 4]
    assert found.left("credits") == 1


def test_what_is_over_goes_on_by_itself_when_the_day_turns(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "credits": 6})
    driver.enqueue(8)
    for fulfilled in (3, 6, 8):
        for _ in range(4):
            driver.work()
            driver.advance(60)
        assert driver.states().get("fulfilled") == fulfilled
        to_the_turn(driver)
    assert spent(driver) == 16


def test_what_was_not_found_costs_nothing_and_lets_others_go_on(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 4})
    driver.enqueue(3, unknown=3)
    for _ in range(8):
        driver.work()
        driver.advance(60)
    assert driver.states() == {"fulfilled": 3, "not_found": 3}
    assert spent(driver, "bought") == 3


def test_what_was_held_and_does_not_wait_any_more_is_forgotten(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 1})
    request = driver.enqueue(4, tag="crm")
    driver.pack()
    assert driver.value("SELECT count(*)::int FROM held") == 3
    retained(driver)
    assert driver.value("SELECT count(*)::int FROM held") == 3, "it waits still"
    request.cancel()
    retained(driver)
    assert driver.value("SELECT count(*)::int FROM held") == 0


def test_what_was_cancelled_while_it_was_held_keeps_nobody_waiting(budgeted: Budgeted) -> None:
    budget = {"tag": "crm", "per": "month", "records": 1}
    driver = budgeted(budget)
    gone = driver.enqueue(9, tag="crm")
    driver.pack()
    gone.cancel()
    driver.enqueue(2, first=20, tag="crm")
    driver.pack()
    raised = budgeted(budget | {"records": 3})
    raised.pack()
    assert sizes(raised) == [1, 2]


def test_a_raised_budget_lets_it_go_on(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "month", "credits": 2})
    driver.enqueue(3)
    driver.pack()
    assert driver.states() == {"packed": 1, "pending": 2}
    assert stands(driver).blocked_until is not None
    raised = budgeted({"per": "month", "credits": 20})
    assert stands(raised).blocked_until is None
    raised.pack()
    assert raised.states() == {"packed": 3}


def test_without_a_price_nothing_is_bought_on_credits(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "credits": 100}, price={})
    driver.enqueue(2)
    assert driver.pack() == []
    assert stands(driver).unpriced == "company/enrich"
    assert stands(driver).blocks


def test_a_budget_of_all_accounts_is_shared(both: tuple[Driver, Driver]) -> None:
    changes = {"price": PRICE, "budgets": [Budget(per="day", records=5)], "linger": 0.0}
    alpha, beta = (it.another(**changes) for it in both)
    migrate.upgrade(alpha.context.settings)
    for driver, name in ((alpha, "alpha"), (beta, "beta")):
        driver.account = driver.context.account(name)
        driver.enqueue(4)
    threads = [threading.Thread(target=it.pack) for it in (alpha, beta)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alpha.pack(), beta.pack()
    assert sum(sizes(alpha)) == 5


# Of a tag


def test_a_capped_tag_keeps_nobody_else_waiting(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 2}, job_size=10)
    driver.enqueue(30, tag="crm")
    driver.enqueue(15, first=100)
    driver.enqueue(5, first=200, tag="other")
    driver.pack()
    tags = driver.rows(
        "SELECT coalesce(tag, '-'), count(*) FROM enrichment WHERE job_id IS NOT NULL "
        "GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in tags] == [("-", 15), ("crm", 2), ("other", 5)]
    assert driver.value("SELECT count(*) FROM held") == 28


def test_what_is_held_is_taken_out_of_the_queue_once(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 0}, job_size=10)
    driver.enqueue(200, tag="crm")
    for first in (1000, 2000):
        driver.enqueue(10, first=first)
        driver.pack()
    assert sizes(driver) == [10, 10]
    held = "SELECT sum(xmin::text::bigint) FROM held"
    before = driver.value(held)
    driver.pack()
    assert driver.value(held) == before, "none was touched again"


def test_what_is_held_goes_on_in_its_order_when_the_day_turns(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 2})
    driver.enqueue(3, tag="crm")
    driver.enqueue(2, first=10, tag="crm", priority=10)
    for _ in range(3):
        driver.work()
        driver.advance(60)
    fulfilled = "SELECT identifier FROM enrichment WHERE state = 'fulfilled' ORDER BY 1"
    assert [row[0] for row in driver.rows(fulfilled)] == [
        "company-0000010.example",
        "company-0000011.example",
    ]
    for _ in range(2):
        to_the_turn(driver)
        for _ in range(3):
            driver.work()
            driver.advance(60)
    assert driver.states() == {"fulfilled": 5}
    assert driver.value("SELECT count(*) FROM held") == 0
    assert spent(driver, "bought", "crm") == 5


def test_when_its_budget_is_gone_all_of_it_goes_on(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 0})
    driver.enqueue(3, tag="crm")
    driver.pack()
    assert driver.states() == {"pending": 3}
    free = budgeted()
    free.pack()
    assert free.states() == {"packed": 3}


def test_who_joins_what_is_held_pays_for_it(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 0})
    driver.enqueue(3, tag="crm")
    driver.pack()
    driver.enqueue(2, tag="sales")
    driver.pack()
    assert driver.states() == {"packed": 2, "pending": 1}
    for _ in range(3):
        driver.work()
        driver.advance(60)
    assert spent(driver, "bought", "sales") == 2
    assert spent(driver, "bought", "crm") == 0


def test_who_wanted_it_too_before_it_was_held_pays_for_it(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 0})
    driver.enqueue(3, tag="crm")
    driver.enqueue(1, tag="sales")
    driver.pack()
    assert driver.states() == {"packed": 1, "pending": 2}


def test_what_is_held_can_be_cancelled(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "records": 0})
    request = driver.enqueue(3, tag="crm")
    driver.pack()
    request.cancel()
    assert driver.states() == {"cancelled": 3}
    free = budgeted()
    free.pack()
    assert free.value("SELECT count(*) FROM held") == 0
    assert free.states() == {"cancelled": 3}


# Hard ones


def test_a_hard_budget_refuses_the_call_with_the_numbers(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "credits": 10, "hard": True})
    driver.enqueue(3)
    with pytest.raises(BudgetError) as caught:
        driver.enqueue(3, first=10)
    error = caught.value
    assert [error.cap, error.spent, error.reserved, error.waiting] == [10, 0, 0, 6]
    assert [error.asked, error.left] == [6, 4]
    assert "Of 10 credits, 0 are spent, 0 reserved by jobs and 6 by what waits" in str(error)
    assert driver.value("SELECT count(*) FROM request") == 1
    assert driver.states() == {"pending": 3}
    driver.enqueue(2, first=10)
    driver.enqueue(3)  # joins what waits, and costs nothing
    driver.settle()
    assert spent(driver) == 10
    driver.enqueue(3)  # fresh
    with pytest.raises(BudgetError, match="which leaves 0"):
        driver.enqueue(1, first=100)
    driver.advance(25 * 3600)
    assert driver.enqueue(1, first=100).created


def test_a_hard_budget_of_a_tag_binds_that_tag(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "month", "records": 2, "hard": True})
    driver.enqueue(9)
    driver.enqueue(9, first=20, tag="other")
    with pytest.raises(BudgetError, match="'tag crm, a month, hard'"):
        driver.enqueue(3, first=40, tag="crm")
    driver.enqueue(2, first=40, tag="crm")


def test_it_binds_callers_whose_configuration_does_not_have_it(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 1, "hard": True})
    ignorant = Manager(driver.context.settings.model_copy(update={"budgets": [], "price": {}}))
    with pytest.raises(BudgetError):
        ignorant.enqueue("domains", ["a.example", "b.example"])


def test_two_calls_at_once_cannot_both_slip_through(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 5, "hard": True})
    refused: list[BudgetError] = []

    def enqueue(first: int) -> None:
        try:
            driver.enqueue(3, first=first)
        except BudgetError as error:
            refused.append(error)

    threads = [threading.Thread(target=enqueue, args=(10 * n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 4
    assert driver.states() == {"pending": 3}


def test_in_a_given_transaction_the_rest_of_it_goes_on(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 2, "hard": True})
    with driver.context.ledger.connect() as connection, connection.transaction():
        driver.enqueue(1, connection=connection)
        with pytest.raises(BudgetError):
            driver.enqueue(2, first=10, connection=connection)
        driver.enqueue(1, first=10, connection=connection)
    assert driver.states() == {"pending": 2}


# How it is seen


def test_what_waits_for_a_budget_says_so(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "day", "credits": 2}, notify=["pg:told"])
    driver.only(driver.wake("tell"))  # who is told is in the ledger from here on
    request = driver.enqueue(3, tag="crm")
    other = driver.enqueue(1, first=10)
    driver.work()
    driver.work()
    [found] = [it for it in status(driver.context).warnings if it.code == "budget-reached"]
    assert "2 identifiers wait for the budget tag crm, a day until" in found.text
    assert "2 of 2 credits are spent or reserved" in found.text
    assert (request.progress().waits_for or "").startswith("the budget tag crm, a day, until 20")
    assert other.progress().waits_for is None
    bought = driver.enqueue(1, first=0)  # joins what is in a job already
    assert bought.progress().waits_for is None
    shown = {it.request_id: it.waits_for for it in listed(driver, "request")}
    assert shown == {it.id: it.progress().waits_for for it in (request, other, bought)}
    [lane] = listed(driver, "lane")
    assert lane.waits_for == request.progress().waits_for
    told = driver.rows(
        "SELECT payload ->> 'budget' AS budget FROM notice WHERE event = 'budget.reached'"
    )
    assert [it.budget for it in told] == ["tag crm, a day"], "once"


def test_a_budget_of_all_is_told_to_whichever_account_has_targets(budgeted: Budgeted) -> None:
    driver = budgeted({"tag": "crm", "per": "month", "records": 1})
    driver.execute("INSERT INTO target (address, host) VALUES ('pg:finance', 'postgres')")
    driver.execute(
        "INSERT INTO account (name, targets) SELECT 'quiet', array_agg(id) FROM target"
    )  # the other one, which has none, is the first to find it
    driver.enqueue(3, tag="crm")
    driver.pack()
    told = driver.rows("SELECT event, payload ->> 'budget' AS budget FROM notice")
    assert [(it.event, it.budget) for it in told] == [("budget.reached", "tag crm, a month")]


def test_no_credits_at_the_vendor_stands_beside_what_was_spent(budgeted: Budgeted) -> None:
    driver = budgeted()
    driver.enqueue(2)
    driver.settle()
    driver.sandbox.set(credits=0)
    driver.enqueue(2, first=10)
    driver.work()
    [found] = [it for it in status(driver.context).problems if it.code == "no-credits"]
    assert "by our count 4 credits were spent today, 4 this month" in found.text


# What is counted


def test_a_purchase_is_counted_once_for_who_began_it(budgeted: Budgeted) -> None:
    driver = budgeted()
    first = driver.enqueue(3, tag="crm")
    second = driver.enqueue(4, tag="sales")
    driver.settle()
    hits = driver.enqueue(4, tag="late")
    assert spent(driver, "credits", "crm") == 6
    assert spent(driver, "credits", "sales") == 2
    assert spent(driver, "credits", "late") == 0
    assert spent(driver, "hits", "late") == 4
    assert spent(driver, "joined", "sales") == 3
    assert spent(driver, "submitted") == 4
    assert spent(driver, "jobs") == 1
    rows = driver.rows("SELECT id, bought, credits, hits, joined FROM request ORDER BY id")
    assert [tuple(it)[1:] for it in rows] == [(3, 6, 0, 0), (1, 2, 0, 3), (0, 0, 4, 0)]
    assert [it.id for it in rows] == [first.id, second.id, hits.id]


def test_what_is_spent_is_what_the_vendor_has_billed(budgeted: Budgeted) -> None:
    driver = budgeted()
    driver.sandbox.set(price=2.0)
    driver.enqueue(7, unknown=3, tag="crm")
    driver.settle()
    driver.enqueue(7, max_age=0)
    driver.settle()
    billed = driver.sandbox.record()["billed"]
    assert (spent(driver, "bought"), spent(driver)) == (billed["records"], billed["credits"])
    assert spent(driver, "not_found") == 3


def test_what_is_delivered_late_is_counted_when_it_comes(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 5})
    job_id = driver.accepted(4, tag="crm")
    driver.give_up(job_id)
    assert [spent(driver, "failed"), spent(driver, "bought")] == [4, 0]
    assert stands(driver).reserved_records == 4, "it may still be delivered, and billed"
    driver.settle()
    for _ in range(4):
        driver.work()
        driver.advance(60)
    assert [spent(driver, "failed"), spent(driver, "bought", "crm")] == [0, 4]
    assert stands(driver).reserved_records == 0


def test_what_retention_removes_keeps_its_numbers(budgeted: Budgeted) -> None:
    driver = budgeted()
    driver.enqueue(3, tag="crm")
    driver.settle()
    driver.execute("DELETE FROM request_item")
    driver.execute("DELETE FROM request")
    driver.execute("DELETE FROM result")
    assert spent(driver, "bought", "crm") == 3


def test_adding_up_changes_no_sum(budgeted: Budgeted) -> None:
    driver = budgeted()
    for first in (0, 10, 20):
        for tag in ("crm", "crm", "sales"):
            driver.enqueue(2, first=first, tag=tag)
        driver.settle()
        driver.advance(40 * 24 * 3600)
    sums = "SELECT name, tag, sum(amount) FROM day_counter GROUP BY 1, 2 ORDER BY 1, 2"
    days = "SELECT count(DISTINCT at::date) FROM day_counter"
    before, rows = driver.rows(sums), driver.value("SELECT count(*) FROM day_counter")
    spread = driver.value(days)
    with driver.context.ledger.connect() as connection:
        for _ in range(4):
            retain.add_up(connection, driver.context.settings)
    assert driver.rows(sums) == before
    assert driver.value("SELECT count(*) FROM day_counter") < rows
    assert driver.value(days) == spread
    assert driver.value("SELECT count(*) FROM day_counter WHERE level = 0") == 0
    assert driver.value("SELECT count(*) FROM day_counter WHERE level = 2") > 0


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../UTC", "", "Europe"])
def test_what_is_no_time_zone_is_refused_in_words(driver: Driver, zone: str) -> None:
    given = driver.context.settings.model_dump() | {"budget_timezone": zone}
    with pytest.raises(ValidationError, match="is no time zone, such as UTC"):
        Settings.model_validate(given)


def test_a_time_zone_that_postgres_does_not_know_is_refused_before_it_stops_everybody(
    budgeted: Budgeted,
) -> None:
    driver = budgeted({"per": "day", "credits": 20})
    with pytest.raises(ConfigurationError, match="which Postgres does not know"):
        budgeted({"per": "day", "credits": 10}, budget_timezone="localtime")
    driver.enqueue(1)
    assert stands(driver).timezone == "UTC"


def test_a_caller_that_does_not_know_the_time_zone_is_told_the_turn_in_utc(
    budgeted: Budgeted,
) -> None:
    known = stands(budgeted({"per": "day", "credits": 20}, budget_timezone="Asia/Tokyo"))
    assert known.turns.endswith(" 00:00 Asia/Tokyo")
    assert replace(known, timezone="Not/Here").turns.endswith(" 15:00 UTC")


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("America/Havana", "2026-11-01 04:00Z"),  # midnight comes twice
        ("Atlantic/Azores", "2026-10-25 00:00Z"),
        ("Asia/Beirut", "2026-03-28 22:00Z"),  # there is no midnight
        ("America/St_Johns", "2026-11-01 04:30Z"),
        ("Asia/Kolkata", "2026-11-01 18:30Z"),
    ],
)
def test_each_moment_is_in_one_day_and_the_days_follow_on_each_other(
    budgeted: Budgeted, zone: str, changes: str
) -> None:
    driver = budgeted({"per": "day", "credits": 20}, budget_timezone=zone)
    around = datetime.fromisoformat(changes)
    at_that_time = str(budgets.SQL.standing).replace("clock_timestamp()", "%(now)s::timestamptz")
    days = set()
    with driver.context.ledger.connect() as connection:
        for half_hours in range(-60, 60):
            now = around + half_hours * timedelta(minutes=30)
            parameters = budgets.asked() | {"now": now}
            [found] = rows(connection, Statement(at_that_time), BudgetStanding, parameters)
            assert found.since <= now < found.until
            days.add((found.since, found.until))
    followed = sorted(days)
    assert len(followed) >= 3
    for (_, until), (since, _) in pairwise(followed):
        assert until == since


# Held, whoever else is at work


def test_a_callers_open_transaction_keeps_no_packer_waiting(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "tag": "sales", "records": 4, "hard": True})
    driver.enqueue(4, tag="sales")
    driver = budgeted({"per": "day", "tag": "sales", "records": 2, "hard": True})
    packer = threading.Thread(target=driver.pack, daemon=True)
    with connect(driver.context.settings, "caller") as caller, caller.transaction():
        driver.enqueue(1, first=3, tag="sales", connection=caller)  # joined, by the budget's lock
        packer.start()
        packer.join(20)
        assert not packer.is_alive()
        assert sizes(driver) == [2]
        assert stands(driver).blocked_until is None, "it is not noted yet"
    driver.pack()
    assert stands(driver).blocked_until is not None


def test_who_joins_before_it_is_held_pays_if_he_may(budgeted: Budgeted) -> None:
    driver = budgeted(
        {"per": "day", "tag": "crm", "records": 0}, {"per": "day", "tag": "sales", "records": 2}
    )
    driver.enqueue(3, tag="crm")
    driver.enqueue(3, tag="sales")
    driver.pack()
    assert driver.states() == {"packed": 2, "pending": 1}
    assert driver.value("SELECT tags FROM job") == {"sales": 2}


def test_what_the_release_before_has_packed_though_it_was_held_is_not_lost(
    budgeted: Budgeted,
) -> None:
    driver = budgeted({"per": "day", "tag": "crm", "records": 0})
    driver.enqueue(3, tag="crm")
    driver.pack()
    driver.execute(PACKED_BY_THE_RELEASE_BEFORE)
    richer = budgeted({"per": "day", "tag": "crm", "records": 10})
    richer.pack()
    retained(richer, requests_days=1000)
    perform(driver.context, "job.cancel", choose("job", {}), {}, Actor("ada", "cli"))
    richer.pack()
    assert driver.states() == {"packed": 3}


# Beside the release before, which knows no prices, tags and causes


def test_what_the_release_before_has_packed_costs_what_it_costs(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "credits": 20})
    driver.enqueue(3)
    driver.execute(PACKED_BY_THE_RELEASE_BEFORE)
    assert stands(driver).reserved_credits == 6
    driver.drain()
    assert spent(driver) == 6


def test_so_does_what_was_packed_before_there_were_prices(budgeted: Budgeted) -> None:
    driver = budgeted({"per": "day", "records": 20}, price={})
    driver.packed(3)
    driver = budgeted({"per": "day", "credits": 20})
    assert stands(driver).reserved_credits == 6


def test_no_tag_pays_for_what_a_caller_of_the_release_before_buys_again(
    budgeted: Budgeted,
) -> None:
    driver = budgeted({"per": "month", "tag": "crm", "records": 3})
    driver.enqueue(3, tag="crm")
    driver.drain()
    assert spent(driver, "bought", "crm") == 3
    driver.execute(
        "UPDATE enrichment SET state = 'pending', cycle = cycle + 1, attempts = 0, "
        "due_at = now(), rank = now(), settled_at = NULL"
    )
    driver.pack()
    assert driver.states() == {"packed": 3}
    assert stands(driver).reserved_records == 0
