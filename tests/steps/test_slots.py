"""Slots: jobs at the vendor that are not ours take part of the cap; ours never do twice."""

from __future__ import annotations

import pytest

from manager.steps.look import look
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
        driver.look_now()
        counts.append(known_foreign(driver))
        driver.sandbox.advance(LONG)
    assert counts == [2, 1, 0]


def test_what_others_have_at_the_vendor_is_left_out_of_the_slots(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in range(1, 6)]
    for _ in range(3):
        driver.sandbox.foreign(seconds=30)
    driver.look_now()
    for job_id in jobs:
        driver.submit(job_id)
    assert driver.calls("submit") == 2
    assert len(driver.held()) == 2
    waiting = "SELECT DISTINCT waits_for FROM job WHERE state = 'packed'"
    driver.sweep()
    assert [row.waits_for for row in driver.rows(waiting)] == ["a slot: 3 of 5 are others'"]
    driver.sandbox.advance(LONG)
    driver.look_now()
    driver.drain()
    assert driver.sandbox.record()["highest_active"] <= 5


def test_our_own_jobs_are_not_foreign_in_any_state(driver: Driver) -> None:
    for size in (1, 2, 3):
        driver.accepted(size, first=100 * size)
    driver.sandbox.advance(5)
    driver.look_now()
    driver.accepted(4, first=400)
    driver.look_now()
    assert known_foreign(driver) == 0


def test_a_submission_under_way_is_not_foreign(driver: Driver) -> None:
    job_id = driver.packed(3)
    driver.sandbox.foreign(identifier_count=2)
    other = driver.another()
    with under_way(driver, job_id):
        other.look_now()
        assert known_foreign(driver) == 1
    driver.look_now()
    assert known_foreign(driver) == 1


@pytest.mark.parametrize("others", [0, 1, 2])
def test_an_unresolved_submission_is_not_foreign_though_others_of_its_size_are(
    driver: Driver, others: int
) -> None:
    driver.unresolved(3, "reset_after")
    for _ in range(others):
        driver.sandbox.foreign(identifier_count=3)
    driver.look_now()
    assert known_foreign(driver) == others


def test_what_was_not_accepted_lets_one_of_its_size_go_uncounted_until_it_is_resolved(
    driver: Driver,
) -> None:
    """It holds a slot itself, so all in all as many are counted as there are."""
    driver.unresolved(3, "reset_before")
    driver.sandbox.foreign(identifier_count=3)
    driver.look_now()
    assert known_foreign(driver) == 0
    assert len(driver.held()) == 1


def test_the_semaphore_is_put_right_by_a_look(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.context.redis.flushdb()
    driver.look_now()
    assert driver.held() == {job_id}


def test_a_slot_that_was_taken_a_moment_ago_is_freed_when_its_job_has_ended(
    driver: Driver,
) -> None:
    driver.completed(2)
    assert driver.held() == set()


def test_a_slot_that_the_ledger_does_not_know_of_yet_is_not_freed(driver: Driver) -> None:
    """There are moments between the two, also before a second attempt."""
    job_id = driver.unresolved(3, "reset_before", times=2)
    assert driver.look(job_id, times=4) == "packed"
    holder = driver.take_slot(job_id)
    driver.look_now()
    assert list(driver.account.slots.holders().values()) == [holder]


def test_without_redis_the_count_is_learnt_all_the_same(driver: Driver) -> None:
    driver.accepted(2)
    driver.sandbox.foreign()
    driver.hasten()
    other = driver.another(redis_url=f"redis://127.0.0.1:{closed_port()}")
    look(other.context, other.account)
    assert known_foreign(driver) == 1
