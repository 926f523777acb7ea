"""Refresh: what is older is bought again, once, for requests by which it is followed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest

from manager import InvalidRequestError
from manager.errors import BudgetError
from tests.operator.actions.acting import act, assert_true, failed, fulfilled, look, outcomes
from tests.steps.driver import Driver, domains
from tests.steps.patience import until
from tests.steps.years import pass_by

pytestmark = pytest.mark.integration


def test_what_is_older_is_bought_again_for_a_request_of_its_own(driver: Driver) -> None:
    old = fulfilled(driver, 3)
    pass_by(driver, days=100)
    fulfilled(driver, 2, first=3)
    done = act(
        driver, "enrichment.refresh", {}, older_than="90d", priority=5, metadata='{"for": "audit"}'
    )
    assert (done.count, done.counts) == (3, {"identifiers": 3, "requests": 1})
    [made] = done.made
    request = driver.manager.request(UUID(made))
    now = request.progress()
    assert (now.total, now.waiting, now.priority, now.metadata) == (3, 3, 5, {"for": "audit"})
    driver.drain()
    assert request.wait(0).fulfilled == 3
    assert [it.identifier for it in request.results()] == domains(3)
    assert outcomes(old) == ["fulfilled"] * 3  # the older ones
    assert driver.sandbox.record()["duplicates"]["count"] == 3
    assert_true(driver)


def test_to_refresh_twice_is_to_refresh_once(driver: Driver) -> None:
    fulfilled(driver, 3)
    pass_by(driver, days=2)
    assert act(driver, "enrichment.refresh", {}, older_than="1d").count == 3
    assert act(driver, "enrichment.refresh", {}, older_than="1d").count == 0
    driver.drain()
    assert act(driver, "enrichment.refresh", {}, older_than="1d").count == 0


def test_a_dry_look_tells_how_much_and_changes_nothing(driver: Driver) -> None:
    fulfilled(driver, 3)
    shown = look(driver, "enrichment.refresh", {}, older_than="0s")
    assert (shown.count, shown.records) == (3, 3)
    assert "3 records at most" in shown.sentence
    assert driver.states() == {"fulfilled": 3}


def test_of_a_lane_and_of_a_request(driver: Driver) -> None:
    wanted = fulfilled(driver, 2, fields=["headcount.total"])
    fulfilled(driver, 3)
    [lane] = driver.rows("SELECT id FROM lane WHERE fields = '{}'")
    assert look(driver, "lane.refresh", {"id": str(lane.id)}, older_than="0s").identifiers == 3
    shown = look(driver, "request.refresh", {"id": str(wanted.id)}, older_than="0s")
    assert (shown.count, shown.identifiers) == (1, 2)
    done = act(driver, "lane.refresh", {}, older_than="0s")
    assert (done.count, len(done.made)) == (2, 2)
    driver.drain()
    assert driver.states() == {"fulfilled": 5}
    assert_true(driver)


def test_what_failed_waits_or_is_forgotten_is_not_refreshed(driver: Driver) -> None:
    fulfilled(driver, 1)
    failed(driver, 2, first=5)
    driver.enqueue(2, first=10)
    act(driver, "enrichment.forget", {"identifier": domains(1)[0]})
    assert look(driver, "enrichment.refresh", {}, older_than="0s").count == 0


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, "older_than is needed"),
        ({"older_than": "long"}, "older_than: 'long' is no span"),
        ({"older_than": "9999999w"}, "is longer than 36,500 days"),
        ({"older_than": "999999999w"}, "is longer than 36,500 days"),
        ({"older_than": "1d", "metadata": "[]"}, "metadata must be a JSON object"),
        ({"older_than": "1d", "metadata": "{"}, "is no JSON"),
        ({"older_than": "1d", "priority": "1000"}, "priority"),
        ({"older_than": "1d", "colour": "red"}, "'colour' is no argument of enrichment.refresh"),
    ],
)
def test_bad_values_are_named(driver: Driver, values: dict[str, str], error: str) -> None:
    with pytest.raises(InvalidRequestError, match=error):
        act(driver, "enrichment.refresh", {}, **values)


def test_the_most_credits_are_told_where_prices_are_set(driver: Driver) -> None:
    fulfilled(driver, 3)
    shown = look(driver, "enrichment.refresh", {}, older_than="0s")
    assert shown.credits is None
    assert "prices are not set" in shown.sentence
    assert look(driver, "enrichment.refresh", {}, older_than="9d").credits == Decimal(0)


def test_a_hard_budget_refuses_what_would_pass_it(driver: Driver) -> None:
    fulfilled(driver, 3)
    driver.execute(
        "INSERT INTO budget (name, per, timezone, hard, records) "
        "VALUES ('b', 'day', 'UTC', true, 5)"
    )
    with pytest.raises(BudgetError):
        act(driver, "enrichment.refresh", {}, older_than="0s")
    assert driver.states() == {"fulfilled": 3}
    assert driver.value("SELECT count(*) FROM operator_action") == 0
    [name, *_] = domains(1)
    assert act(driver, "enrichment.refresh", {"identifier": name}, older_than="0s").count == 1


def test_what_is_removed_meanwhile_is_not_waited_for(driver: Driver) -> None:
    fulfilled(driver, 3)
    removed = "(SELECT min(id) FROM enrichment)"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE %(pid)s = ANY (pg_blocking_pids(pid))"
    with driver.context.ledger.connect() as retention, ThreadPoolExecutor() as pool:
        retention.execute("BEGIN")
        for table in ("request_item", "result"):
            retention.execute(f"DELETE FROM {table} WHERE enrichment_id = {removed}")
        retention.execute(f"DELETE FROM enrichment WHERE id = {removed}")
        acting = pool.submit(act, driver, "enrichment.refresh", {}, older_than="0s")
        until(lambda: driver.value(waits, pid=retention.info.backend_pid))
        retention.execute("COMMIT")
        done = acting.result()
    assert done.count == 2
    driver.drain()
    assert driver.manager.request(UUID(done.made[0])).wait(1).fulfilled == 2
