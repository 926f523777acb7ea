"""Settle: what a job's failure means for its enrichments and for those who want them."""

from __future__ import annotations

import psycopg
import pytest

from tests.steps.driver import LONG, MISCOUNTED, Driver

pytestmark = pytest.mark.integration


def fail(driver: Driver) -> None:
    """What waits is packed into a job, which the vendor fails."""
    driver.sandbox.fault("submit", "fail_job", error_message="out of luck")
    driver.hasten()
    driver.run(*driver.pack())
    driver.sandbox.advance(LONG)
    merges = [wake for wake in driver.look_now() if wake.step == "merge"]
    driver.run(*merges)


def test_each_enrichment_has_attempts_of_its_own(driver: Driver) -> None:
    old = driver.enqueue(2)
    fail(driver)
    fail(driver)
    both = driver.enqueue(3)
    fail(driver)
    assert driver.states() == {"failed": 2, "pending": 1}
    assert old.progress().finished
    assert (both.progress().failed, both.progress().waiting) == (2, 1)
    driver.drain()
    assert (both.progress().failed, both.progress().fulfilled) == (2, 1)
    assert driver.rows(MISCOUNTED) == []


def test_what_failed_for_good_is_tried_anew_when_it_is_asked_for_again(driver: Driver) -> None:
    first = driver.enqueue(2)
    for _ in range(3):
        fail(driver)
    again = driver.enqueue(2)
    fail(driver)
    assert driver.states() == {"pending": 2}, "this was the first attempt of its cycle"
    driver.drain()
    assert (first.progress().failed, again.progress().fulfilled) == (2, 2)
    assert driver.rows(MISCOUNTED) == []


def test_what_is_tried_again_keeps_its_priority(driver: Driver) -> None:
    driver.enqueue(1, priority=10)
    fail(driver)
    driver.enqueue(1, first=1, fields=["headcount.total"])
    ranks = driver.rows("SELECT priority FROM enrichment ORDER BY rank")
    assert [row.priority for row in ranks] == [10, 0]


def test_those_who_wait_are_told_of_a_failure_too(driver: Driver) -> None:
    driver = driver.another(max_attempts=1)
    request = driver.enqueue(1)
    with psycopg.connect(driver.context.settings.postgres, autocommit=True) as listener:
        listener.execute("LISTEN enrichd_finished")
        fail(driver)
        told = [it.payload for it in listener.notifies(timeout=10, stop_after=1)]
    assert told == [str(request.id)]
