"""Retention: what is old or one too many goes, what is live or needed stays."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from manager import NotFoundError, Outcome
from manager.faultpoint import FaultPointError
from manager.steps import retain as module
from manager.steps.registry import STEPS
from manager.steps.retain import retain
from tests.steps.driver import LONG, MISCOUNTED, Driver, armed
from tests.steps.patience import until
from tests.steps.years import assert_counted, pass_by, retained, sizes

pytestmark = pytest.mark.integration

ALL: dict[str, float] = {
    f"{name}_days": 30.0
    for name in ("requests", "results", "enrichments", "jobs", "events", "strays", "vendor_jobs")
}


def bought(driver: Driver, count: int = 3, **arguments: Any) -> UUID:
    """A request that is finished, its job merged."""
    request = driver.enqueue(count, **arguments)
    driver.drain()
    assert request.progress().finished
    return request.id


def test_nothing_is_removed_unless_it_is_asked_for(driver: Driver) -> None:
    bought(driver)
    pass_by(driver, 3650)
    before = sizes(driver)
    retained(driver)
    assert sizes(driver) == before


def test_an_old_request_goes_with_its_items_and_nothing_else(driver: Driver) -> None:
    old = bought(driver)
    pass_by(driver, 40)
    new = bought(driver, first=1)
    before = sizes(driver)
    retained(driver, requests_days=30)
    assert sizes(driver) == before | {"request": 1, "request_item": 3}
    with pytest.raises(NotFoundError, match=f"no request {old}"):
        driver.manager.request(old)
    assert [it.outcome for it in driver.manager.request(new).results()] == [Outcome.FULFILLED] * 3
    assert_counted(driver)


def test_an_idempotency_key_lives_as_long_as_its_request(driver: Driver) -> None:
    first = driver.enqueue(2, idempotency_key="key")
    driver.drain()
    assert driver.enqueue(2, idempotency_key="key").id == first.id
    pass_by(driver, 40)
    retained(driver, requests_days=30)
    anew = driver.enqueue(2, idempotency_key="key", max_age=90 * 86_400)
    assert anew.created
    assert anew.id != first.id
    assert anew.progress().fulfilled == 2, "what was bought is there still"


def test_a_large_request_goes_in_parts_and_its_counters_are_true_all_the_while(
    driver: Driver, small_batches: None
) -> None:
    driver.enqueue(9, unknown=3, idempotency_key="key")
    driver.drain()
    pass_by(driver, 40)
    keeper = driver.another(retain_requests_days=30.0)
    left: list[int] = []
    while not left or left[-1]:
        with armed("after retain.commit"), pytest.raises(FaultPointError):
            retain(keeper.context)
        assert driver.rows(MISCOUNTED) == []
        assert_counted(driver)
        left += [it.total for it in driver.rows("SELECT total FROM request")] or [0]
        assert not driver.rows("SELECT FROM request WHERE total < 12 AND account_key IS NOT NULL")
    assert left == [8, 4, 0]
    assert "request_item" not in sizes(driver)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are many."""
    tables = tuple(replace(table, batch=4) for table in module.TABLES)
    monkeypatch.setattr(module, "TABLES", tables)


def test_after_years_everything_may_go_but_what_is_live(
    driver: Driver, small_batches: None
) -> None:
    bought(driver, 5, unknown=2)
    bought(driver, 5, first=3, fields=["headcount.total"])
    driver.sandbox.foreign(identifier_count=3, seconds=1)
    driver.look_now()
    driver.sandbox.advance(LONG)
    driver.look_now()
    pass_by(driver, 40)
    live = driver.enqueue(4, first=100)
    job_id = driver.accepted()
    driver.enqueue(2, first=200)
    retained(driver, **ALL)
    left = sizes(driver)
    history = driver.rows("SELECT FROM job_event WHERE job_id = %(id)s", id=job_id)
    assert left == {
        "account": 1, "slot": 5, "lane": 1, "request": 2, "request_item": 6, "enrichment": 6,
        "job": 1, "job_event": len(history),
    }  # fmt: skip
    driver.drain()
    assert live.progress().fulfilled == 4
    assert_counted(driver)
    assert driver.rows(MISCOUNTED) == []


def test_the_newest_result_stays_however_old_and_is_bought_again_only_when_it_was_let_go(
    driver: Driver,
) -> None:
    bought(driver, 2)
    pass_by(driver, 4000)
    limits = {name: value for name, value in ALL.items() if not name.startswith("enrichments")}
    retained(driver, **limits)
    assert sizes(driver)["result"] == 2
    assert driver.enqueue(2, max_age=10_000 * 86_400).progress().fulfilled == 2
    pass_by(driver, 40)
    retained(driver, **ALL)
    assert "result" not in sizes(driver)
    assert driver.enqueue(2, max_age=10_000 * 86_400).progress().waiting == 2


def test_of_outdated_results_so_many_stay_and_those_that_requests_name(driver: Driver) -> None:
    requests = [bought(driver, 1, max_age=0) for _ in range(4)]
    driver.execute("UPDATE request_item SET request_id = request_id")
    retained(driver, results_count=1)
    assert sizes(driver)["result"] == 4, "each is what a request has got"
    driver.execute("DELETE FROM request_item WHERE request_id = ANY(%(ids)s)", ids=requests[1:])
    driver.execute("DELETE FROM request WHERE id = ANY(%(ids)s)", ids=requests[1:])
    retained(driver, results_count=2)
    assert [it.cycle for it in driver.rows("SELECT cycle FROM result ORDER BY 1")] == [1, 3, 4]
    retained(driver, results_count=1)
    assert [it.cycle for it in driver.rows("SELECT cycle FROM result ORDER BY 1")] == [1, 4]
    assert driver.rows(MISCOUNTED) == []


def test_the_newest_record_outlives_later_failures(driver: Driver) -> None:
    bought(driver, 1, max_age=0)
    for _ in range(2):
        driver.sandbox.fault("submit", "status", status=400)
        bought(driver, 1, max_age=0)
    pass_by(driver, 40)
    retained(driver, requests_days=30, results_days=30)
    kept = driver.rows("SELECT cycle, outcome FROM result ORDER BY cycle")
    assert [tuple(it) for it in kept] == [(1, "fulfilled"), (3, "failed")]


def test_the_newest_so_many_stay(driver: Driver) -> None:
    ids = [bought(driver, 1, first=number) for number in range(4)]
    retained(driver, requests_count=3)
    assert [it.id for it in driver.rows("SELECT id FROM request ORDER BY id")] == ids[1:]
    retained(driver, requests_count=0, enrichments_count=2, events_count=5)
    left = sizes(driver)
    assert (left.get("request"), left["enrichment"], left["job_event"]) == (None, 2, 5)
    pass_by(driver, 2)
    retained(driver, jobs_count=3, strays_count=0, vendor_jobs_count=0)
    assert sizes(driver)["job"] == 3


def test_a_job_stays_as_long_as_a_result_or_the_vendors_list_has_it(driver: Driver) -> None:
    bought(driver)
    pass_by(driver, 40)
    retained(driver, jobs_days=30)
    assert sizes(driver)["job"] == 1, "a result names it"
    driver.execute("UPDATE vendor_job SET last_seen_at = now()")
    retained(driver, **ALL)
    assert sizes(driver)["job"] == 1, "the list shows it"
    pass_by(driver, 2)
    retained(driver, **ALL)
    assert "job" not in sizes(driver)


def test_what_is_needed_to_resolve_a_submission_stays(driver: Driver) -> None:
    job_id = driver.unresolved(2, "reset_after")
    driver.sandbox.foreign(identifier_count=2, seconds=1)
    driver.look_now()
    driver.execute("UPDATE vendor_job SET last_seen_at = now() - interval '90 days'")
    before = sizes(driver)
    assert before["vendor_job"] >= 1
    retained(driver, **ALL)
    assert sizes(driver) == before
    assert driver.look(job_id, times=5) != "packed", "it is found, not sent again"


def test_a_removed_account_goes_when_it_holds_nothing(two: tuple[Driver, Driver]) -> None:
    alpha, beta = two
    bought(beta)
    beta.execute("UPDATE account SET removed_at = now() WHERE id = %(id)s", id=beta.account.id)
    retained(alpha, requests_days=0)
    names = "SELECT name FROM account WHERE id = %(id)s"
    assert alpha.rows(names, id=beta.account.id)
    pass_by(alpha, 40)
    retained(alpha, **ALL)
    retained(alpha, **ALL)
    assert alpha.rows(names, id=beta.account.id) == []
    assert_counted(alpha)


def test_what_a_caller_holds_is_passed_over_without_waiting(driver: Driver) -> None:
    bought(driver, 3)
    pass_by(driver, 40)
    driver.execute("DELETE FROM request_item")
    driver.execute("DELETE FROM request")
    with driver._ledger.transaction():
        driver.execute("SELECT FROM enrichment ORDER BY id LIMIT 1 FOR KEY SHARE")
        with driver.another()._ledger as other:
            keeper = driver.another(retain_enrichments_days=30.0)
            retain(keeper.context)
            left = other.execute("SELECT count(*) FROM enrichment").fetchone()
    assert left == (1,)
    retained(driver, enrichments_days=30)
    assert "enrichment" not in sizes(driver)


def test_two_machines_share_the_work(driver: Driver, small_batches: None) -> None:
    for first in range(6):
        bought(driver, 2, first=2 * first)
    pass_by(driver, 40)
    keepers = [driver.another(**{f"retain_{name}": it for name, it in ALL.items()}) for _ in "ab"]
    for _ in range(2):
        driver.execute("UPDATE retention SET ended_at = NULL")
        threads = [threading.Thread(target=retain, args=(it.context,)) for it in keepers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    retained(driver, **ALL)
    assert sizes(driver) == {"account": 1, "slot": 5}
    assert_counted(driver)


def test_an_enqueue_that_finds_its_lane_going_makes_another(driver: Driver) -> None:
    bought(driver, 1)
    pass_by(driver, 40)
    retained(driver, **{name: it for name, it in ALL.items() if name != "jobs_days"})
    request = []
    with driver._ledger.transaction():
        driver.execute("SELECT FROM account FOR UPDATE")
        driver.execute("DELETE FROM vendor_job")
        driver.execute("DELETE FROM job_event")
        driver.execute("DELETE FROM job")
        driver.execute("DELETE FROM lane")
        caller = threading.Thread(target=lambda: request.append(driver.enqueue(2)))
        caller.start()
        waiting = "SELECT FROM pg_locks WHERE NOT granted"
        with driver.another()._ledger as other:
            until(lambda: other.execute(waiting).fetchall())
    caller.join()
    driver.drain()
    assert request[0].progress().fulfilled == 2


def test_a_pass_rests_before_the_next_and_goes_on_where_it_was_cut_off(
    driver: Driver, small_batches: None
) -> None:
    for first in range(4):
        bought(driver, 3, first=3 * first)
    pass_by(driver, 40)
    keeper = driver.another(retain_requests_days=30.0)
    with armed("before retain.commit"), pytest.raises(FaultPointError):
        retain(keeper.context)
    assert sizes(driver)["request"] == 4
    with armed("after retain.commit"), pytest.raises(FaultPointError):
        retain(keeper.context)
    assert sizes(driver)["request"] == 3
    retain(keeper.context)
    assert "request" not in sizes(driver)
    bought(driver, 1)
    pass_by(driver, 40)
    driver.execute("UPDATE retention SET ended_at = now()")
    retain(keeper.context)
    assert sizes(driver)["request"] == 1


def test_each_machine_runs_it_once_a_minute(driver: Driver) -> None:
    step = STEPS["retain"]
    assert (step.per, step.queue) == ("machine", "merge")
    assert step.every is not None
    assert step.every(driver.context.settings) == 60


def test_counters_are_added_up_and_stay_true(driver: Driver) -> None:
    for first in range(3):
        bought(driver, 2, first=first, unknown=1)
    driver.enqueue(3, first=50).cancel()
    driver.enqueue(2, first=60)
    assert_counted(driver)
    before = driver.value("SELECT count(*) FROM account_counter")
    retain(driver.context)
    assert_counted(driver)
    assert driver.value("SELECT count(*) FROM account_counter") < before
    names = driver.rows("SELECT account_id, name FROM account_counter")
    assert len(names) == len(set(names))


def act(driver: Driver, object: str, count: int = 1) -> None:
    """What an operator has done to so many of a kind."""
    driver.execute(
        "WITH done AS (INSERT INTO operator_action (who, via, action, kind, filter, arguments, "
        "counts) VALUES ('anna', 'cli', 'cancel', %(kind)s, '', '{}', '{}') RETURNING id) "
        "INSERT INTO operator_action_object (kind, object, action_id) "
        "SELECT %(kind)s, n::text, id FROM done, generate_series(1, %(count)s) n",
        kind=object,
        count=count,
    )


def test_what_operators_have_done_stays_unless_it_is_set_then_goes_with_what_it_touched(
    driver: Driver,
) -> None:
    for number in range(4):
        act(driver, f"kind {number}", count=2)
    driver.execute("UPDATE operator_action SET at = at - interval '40 days' WHERE kind = 'kind 0'")
    retained(driver)
    assert driver.value("SELECT count(*)::int FROM operator_action") == 4
    retained(driver, actions_days=30)
    retained(driver, actions_count=2)
    kinds = "SELECT array_agg(DISTINCT kind ORDER BY kind) FROM {}"
    for table in ("operator_action", "operator_action_object"):
        assert driver.value(kinds.format(table)) == ["kind 2", "kind 3"]


def test_an_action_that_touched_many_goes_in_parts(driver: Driver, small_batches: None) -> None:
    act(driver, "request", count=95)
    act(driver, "job")
    keeper = driver.another(retain_actions_count=1, retain_notices_days=None)
    left: list[int] = []
    while not left or left[-1]:
        with armed("after retain.commit"), pytest.raises(FaultPointError):
            retain(keeper.context)
        many = "SELECT count(*)::int FROM operator_action_object WHERE kind = 'request'"
        left.append(driver.value(many))
    assert left[:3] == [55, 15, 0]
    retained(driver, actions_count=1)
    assert driver.rows("SELECT kind FROM operator_action") == [("job",)]


def test_counts_of_days_stay_as_long_as_is_set_and_those_of_accounts_that_are_gone_two_months(
    driver: Driver,
) -> None:
    driver.execute(
        "INSERT INTO day_counter (at, level, account_id, lane_id, endpoint, tag, name, amount) "
        "SELECT now() - make_interval(days => age), 2, account_id, 1, 'x', '', 'bought', 1 "
        "FROM unnest('{1, 70, 100}'::int[]) age, "
        "unnest(array[(SELECT min(id) FROM account), 99]) account_id"
    )
    ages = (
        "SELECT account_id = 99 AS gone, (now()::date - at::date)::int AS age FROM day_counter "
        "ORDER BY 1, 2"
    )
    retained(driver)
    assert driver.rows(ages) == [(False, 1), (False, 70), (False, 100), (True, 1)]
    retained(driver, stats_days=63.0)
    assert driver.rows(ages) == [(False, 1), (True, 1)]
