"""Sweep: whatever wake-up was lost, all due work is found in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from manager.steps.context import Wake
from tests.steps.driver import Driver, closed_port

pytestmark = pytest.mark.integration


def found(driver: Driver) -> list[Wake]:
    """What a sweep finds, but for the look at what may be packed, which it always takes."""
    wakes = driver.sweep()
    assert wakes[-1] == driver.wake("pack")
    return wakes[:-1]


def nothing_to_look_for(driver: Driver) -> None:
    driver.execute("UPDATE account SET look_at = now() + interval '1 minute'")


DUE: dict[str, Callable[[Driver], UUID]] = {
    "submit": lambda driver: driver.packed(2),
    "resolve": lambda driver: driver.unresolved(2, "reset_after"),
    "merge": lambda driver: driver.completed(2),
}


@pytest.mark.parametrize("step", DUE)
def test_every_kind_of_due_work_is_found_and_nothing_that_is_not_due(
    driver: Driver, step: str
) -> None:
    job_id = DUE[step](driver)
    driver.hasten()
    nothing_to_look_for(driver)
    assert found(driver) == [driver.wake(step, job_id)]
    driver.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert found(driver) == []


def test_a_look_that_is_due_is_found_whatever_there_is_to_look_for(driver: Driver) -> None:
    for size in (1, 2, 3):
        driver.accepted(size, first=100 * size)
    driver.hasten()
    assert found(driver) == [driver.wake("look")]
    nothing_to_look_for(driver)
    assert found(driver) == []


def test_what_has_ended_is_no_work(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    driver.execute("UPDATE job SET due_at = now() - interval '1 day'")
    nothing_to_look_for(driver)
    assert found(driver) == []


def test_what_waits_longest_is_submitted_first(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in range(1, 7)]
    driver.execute("UPDATE job SET due_at = now() - identifier_count * interval '1 minute'")
    nothing_to_look_for(driver)
    submissions = [driver.wake("submit", job_id) for job_id in jobs[:0:-1]]
    assert found(driver) == submissions, "five at once"


def test_a_paused_account_packs_nothing_but_goes_on_with_what_it_has(driver: Driver) -> None:
    job_id = driver.completed(2)
    driver.pause()
    nothing_to_look_for(driver)
    assert driver.sweep() == [driver.wake("merge", job_id)]


def test_lost_wake_ups_are_made_up_for_from_beginning_to_end(driver: Driver) -> None:
    request = driver.enqueue(3)
    for _ in range(10):
        for wake in driver.sweep():
            driver.only(wake)
        driver.sandbox.advance(60)
        driver.hasten()
    assert request.progress().fulfilled == 3


def test_each_sweep_leaves_its_pulse(driver: Driver) -> None:
    pulses = []
    for _ in range(2):
        driver.sweep()
        pulses.append(driver.value("SELECT swept_at FROM account"))
    assert pulses[0] < pulses[1] <= driver.value("SELECT clock_timestamp()")


def test_the_semaphore_is_put_right(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.context.redis.flushdb()
    driver.sweep()
    assert driver.held() == {job_id}


def test_without_redis_it_still_finds_what_is_due(driver: Driver) -> None:
    job_id = driver.completed(2)
    url = f"redis://127.0.0.1:{closed_port()}"
    assert driver.wake("merge", job_id) in driver.another(redis_url=url).sweep()
    assert driver.value("SELECT swept_at FROM account") is not None


def test_what_waits_for_a_slot_says_so_and_whose_the_slots_are(driver: Driver) -> None:
    for number in range(5):
        driver.sandbox.foreign(identifier_count=50 + number, seconds=30)
    driver.look_now()
    job_id = driver.packed(2)
    driver.sweep()
    assert driver.job(job_id).waits_for == "a slot: 5 of 5 are others'"
    driver.sandbox.advance(30)
    driver.look_now()
    assert driver.wake("submit", job_id) in driver.sweep()


def test_work_that_others_jobs_keep_waiting_has_the_list_asked_soon(driver: Driver) -> None:
    """Although nothing waited when the list was asked last."""
    for _ in range(5):
        driver.sandbox.foreign(identifier_count=7, seconds=30, identifier_type="names")
    driver.look_now()
    driver.execute("UPDATE account SET look_at = now() + interval '1 hour'")
    driver.packed(2)
    driver.sweep()
    wait = driver.value("SELECT extract(epoch FROM look_at - now())::float FROM account")
    assert wait <= driver.context.settings.look_max
