"""Reconcile: jobs at the vendor that are not ours take part of the cap; ours never do twice."""

from __future__ import annotations

from typing import Any

import pytest

from manager.steps.context import Wake
from manager.steps.poll import poll
from manager.steps.reconcile import reconcile
from manager.steps.submit import submit
from tests.steps.driver import LONG, Driver, closed_port, under_way

pytestmark = pytest.mark.integration


def known_foreign(driver: Driver) -> int:
    count: int = driver.value("SELECT foreign_active FROM account")
    return count


def test_the_active_jobs_of_others_are_learnt_and_forgotten(driver: Driver) -> None:
    driver.accepted(2)
    driver.sandbox.foreign(seconds=30)
    driver.sandbox.foreign(seconds=90, identifier_type="names", entity="person", action="search")
    counts = []
    for _ in range(3):
        assert reconcile(driver.context) == [Wake("sweep")]
        counts.append(known_foreign(driver))
        driver.sandbox.advance(LONG)
    assert counts == [2, 1, 0]


def test_what_others_have_at_the_vendor_is_left_out_of_the_slots(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in range(1, 6)]
    for _ in range(3):
        driver.sandbox.foreign(seconds=30)
    reconcile(driver.context)
    for job_id in jobs:
        submit(driver.context, job_id)
    assert driver.calls("submit") == 2
    assert len(driver.held()) == 2
    driver.sandbox.advance(LONG)
    reconcile(driver.context)
    driver.drain()
    assert driver.sandbox.record()["highest_active"] <= 5


def test_our_own_jobs_are_not_foreign_in_any_state(driver: Driver) -> None:
    for size in (1, 2, 3):
        driver.accepted(size, first=100 * size)
    driver.sandbox.advance(5)
    driver.hasten()
    poll(driver.context)
    driver.accepted(4, first=400)
    reconcile(driver.context)
    assert known_foreign(driver) == 0


def test_a_submission_under_way_is_not_foreign(driver: Driver) -> None:
    job_id = driver.packed(3)
    driver.sandbox.foreign(identifier_count=2)
    with under_way(driver, job_id):
        reconcile(driver.another().context)
        assert known_foreign(driver) == 1
    reconcile(driver.context)
    assert known_foreign(driver) == 1


@pytest.mark.parametrize("others", [0, 1, 2])
def test_an_unresolved_submission_is_not_foreign_though_others_of_its_size_are(
    driver: Driver, others: int
) -> None:
    driver.unresolved(3, "reset_after")
    for _ in range(others):
        driver.sandbox.foreign(identifier_count=3)
    reconcile(driver.context)
    assert known_foreign(driver) == others


def test_what_was_not_accepted_lets_one_of_its_size_go_uncounted_until_it_is_resolved(
    driver: Driver,
) -> None:
    """It holds a slot itself, so all in all as many are counted as there are."""
    driver.unresolved(3, "reset_before")
    driver.sandbox.foreign(identifier_count=3)
    reconcile(driver.context)
    assert known_foreign(driver) == 0
    assert len(driver.held()) == 1


@pytest.mark.parametrize(
    ("fault", "arguments"), [("status", {"status": 500}), ("reset_before", {}), ("garbage", {})]
)
def test_a_list_that_cannot_be_read_changes_nothing(
    driver: Driver, fault: str, arguments: dict[str, Any]
) -> None:
    driver.accepted(2)
    driver.sandbox.foreign()
    reconcile(driver.context)
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("list", fault, **arguments)
    assert reconcile(driver.context) == []
    assert known_foreign(driver) == 1


def test_an_idle_account_is_left_in_peace(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    calls = driver.calls("list")
    assert reconcile(driver.context) == []
    assert driver.calls("list") == calls


def test_the_semaphore_is_put_right_too(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.context.redis.flushdb()
    reconcile(driver.context)
    assert driver.held() == {job_id}


def test_without_redis_the_count_is_learnt_all_the_same(driver: Driver) -> None:
    driver.accepted(2)
    driver.sandbox.foreign()
    url = f"redis://127.0.0.1:{closed_port()}"
    assert reconcile(driver.another(redis_url=url).context) == [Wake("sweep")]
    assert known_foreign(driver) == 1
