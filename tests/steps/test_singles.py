"""Singles: a job of one identifier has to wait for an unresolved one; nothing else does."""

from __future__ import annotations

from uuid import UUID

import pytest

from sandbox.catalogue import SELECTABLE
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def waiting(driver: Driver) -> list[UUID]:
    """As many packed singles as there is room for, that wait for one that is unresolved."""
    for number, field in enumerate(sorted(SELECTABLE)[:8]):
        driver.enqueue(1, first=number, fields=[field])
    first, *others = [wake.job_id for wake in driver.pack() if wake.job_id]
    assert len(others) >= driver.context.settings.cap
    driver.sandbox.fault("submit", "reset_after")
    driver.submit(first)
    assert driver.job(first).state == "submitting"
    return others


def test_others_are_packed_and_submitted(driver: Driver, waiting: list[UUID]) -> None:
    driver.enqueue(3, first=100)
    [wake] = driver.pack()
    assert wake.job_id
    assert driver.job(wake.job_id).identifier_count == 3
    driver.hasten()
    due = [wake for wake in driver.sweep() if wake.step == "submit"]
    assert due == [wake], "those that have to wait are not tried"
    driver.submit(wake.job_id)
    assert driver.job(wake.job_id).state == "pending"


def test_no_more_of_one_are_packed(driver: Driver, waiting: list[UUID]) -> None:
    driver.enqueue(1, first=100)
    assert driver.pack() == []
    driver.enqueue(1, first=101)
    [wake] = driver.pack()
    assert wake.job_id
    assert driver.job(wake.job_id).identifier_count == 2


def test_they_go_on_when_it_is_resolved(driver: Driver, waiting: list[UUID]) -> None:
    driver.enqueue(3, first=100)
    driver.drain()
    assert driver.states() == {"fulfilled": 11}
    assert driver.sandbox.record()["duplicates"]["count"] == 0
    assert all(driver.job(job_id).state == "merged" for job_id in waiting)


def test_a_single_one_is_packed_while_one_is_only_under_way(driver: Driver) -> None:
    driver.packed(1)
    driver.execute("UPDATE job SET state = 'submitting', slot = 1, submitting_at = now()")
    driver.enqueue(1, first=100)
    assert driver.pack() != [], "its answer is a matter of seconds"
    assert driver.wake("pack") in driver.sweep()
