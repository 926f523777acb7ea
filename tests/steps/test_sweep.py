"""Sweep: whatever wake-up was lost, all due work is found in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from manager.steps.context import Wake
from manager.steps.sweep import sweep
from tests.steps.driver import Driver, closed_port

pytestmark = pytest.mark.integration


def found(driver: Driver) -> list[Wake]:
    """What a sweep finds, but for the look at what may be packed, which it always takes."""
    wakes = sweep(driver.context)
    assert wakes[-1] == Wake("pack")
    return wakes[:-1]


DUE: dict[str, Callable[[Driver], UUID]] = {
    "submit": lambda driver: driver.packed(2),
    "resolve": lambda driver: driver.unresolved(2, "reset_after"),
    "poll": lambda driver: driver.accepted(2),
    "merge": lambda driver: driver.completed(2),
}


@pytest.mark.parametrize("step", DUE)
def test_every_kind_of_due_work_is_found_and_nothing_that_is_not_due(
    driver: Driver, step: str
) -> None:
    job_id = DUE[step](driver)
    driver.hasten()
    assert found(driver) == [Wake(step, None if step == "poll" else job_id)]  # type: ignore[arg-type]
    driver.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert found(driver) == []


def test_what_has_ended_is_no_work(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    driver.execute("UPDATE job SET due_at = now() - interval '1 day'")
    assert found(driver) == []


def test_polls_that_are_due_are_one_wake_up(driver: Driver) -> None:
    for size in (1, 2, 3):
        driver.accepted(size, first=100 * size)
    driver.hasten()
    assert found(driver) == [Wake("poll")]


def test_what_waits_longest_is_submitted_first(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in range(1, 7)]
    driver.execute("UPDATE job SET due_at = now() - identifier_count * interval '1 minute'")
    assert found(driver) == [Wake("submit", job_id) for job_id in jobs[:0:-1]], "five at once"


def test_a_paused_account_packs_nothing_but_goes_on_with_what_it_has(driver: Driver) -> None:
    job_id = driver.completed(2)
    driver.pause()
    assert sweep(driver.context) == [Wake("merge", job_id)]


def test_lost_wake_ups_are_made_up_for_from_beginning_to_end(driver: Driver) -> None:
    request = driver.enqueue(3)
    for _ in range(10):
        for wake in sweep(driver.context):
            driver.only(wake)
        driver.sandbox.advance(60)
        driver.hasten()
    assert request.progress().fulfilled == 3


def test_each_sweep_leaves_its_pulse(driver: Driver) -> None:
    pulses = []
    for _ in range(2):
        sweep(driver.context)
        pulses.append(driver.value("SELECT swept_at FROM account"))
    assert pulses[0] < pulses[1] <= driver.value("SELECT clock_timestamp()")


def test_the_semaphore_is_put_right(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.context.redis.flushdb()
    sweep(driver.context)
    assert driver.held() == {job_id}


def test_without_redis_it_still_finds_what_is_due(driver: Driver) -> None:
    job_id = driver.completed(2)
    url = f"redis://127.0.0.1:{closed_port()}"
    assert Wake("merge", job_id) in sweep(driver.another(redis_url=url).context)
    assert driver.value("SELECT swept_at FROM account") is not None
