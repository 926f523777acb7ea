"""Stopped jobs: what the vendor has delivered is merged, and the rest is bought again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.steps.driver import LONG, MISCOUNTED, Driver
from tests.steps.results_file import outcomes, reasons

pytestmark = pytest.mark.integration

WORDS = ["cancelled", "CANCELED", "expired", "timed_out", "Partially Completed"]


def stopped(driver: Driver, word: str = "cancelled", **arguments: Any) -> UUID:
    """A job of what waits, which the vendor ends with that word."""
    driver.sandbox.fault("submit", "ends_as", word=word, **arguments)
    job_id = driver.accepted()
    driver.sandbox.advance(LONG)
    driver.look_now()
    return job_id


@pytest.mark.parametrize("word", WORDS)
def test_its_slot_is_free_as_soon_as_it_is_seen(driver: Driver, word: str) -> None:
    driver.enqueue(4)
    job_id = stopped(driver, word, links=False)
    job = driver.job(job_id)
    assert (job.state, job.slot, job.vendor_status) == ("stopped", None, word)
    assert driver.held() == set()


@pytest.mark.parametrize(("word", "completed_at"), [(WORDS[0], True), (WORDS[-1], False)])
def test_what_its_links_give_is_merged_and_the_rest_bought_again(
    driver: Driver, word: str, completed_at: bool
) -> None:
    request = driver.enqueue(4)
    job_id = stopped(driver, word, delivered_share=0.5, completed_at=completed_at)
    driver.merge(job_id)
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "None", "None"]
    assert driver.states() == {"fulfilled": 2, "pending": 2}
    job = driver.job(job_id)
    assert job.state == "merged"
    assert job.why == f"the vendor ended the job as {word}: 2 results"
    driver.drain()
    assert outcomes(driver, request) == ["fulfilled"] * 4
    assert driver.sandbox.record()["duplicates"]["count"] == 0
    assert sorted(job["identifier_count"] for job in driver.sent()) == [2, 4]


def test_what_it_did_not_deliver_was_not_looked_for_rather_than_not_found(driver: Driver) -> None:
    request = driver.enqueue(2, unknown=2)
    driver.merge(stopped(driver, delivered_share=1.0))
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "None", "None"]
    driver.drain()
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "not_found", "not_found"]


def test_without_links_all_of_it_is_bought_again(driver: Driver) -> None:
    request = driver.enqueue(3)
    job_id = stopped(driver, links=False, error_message="by the vendor's operator")
    driver.merge(job_id)
    job = driver.job(job_id)
    assert job.state == "failed"
    assert job.why == "the vendor ended the job as cancelled: by the vendor's operator"
    driver.drain()
    assert outcomes(driver, request) == ["fulfilled"] * 3
    assert driver.sandbox.record()["duplicates"]["count"] == 0


@pytest.mark.parametrize("links", [True, False])
def test_it_is_bought_again_as_often_as_allowed_and_then_fails_with_the_reason(
    driver: Driver, links: bool
) -> None:
    driver = driver.another(max_attempts=2)
    driver.sandbox.fault(
        "submit", "ends_as", word="expired", delivered_share=0.5, links=links, times=None
    )
    request = driver.enqueue(4)
    driver.drain()
    delivered = 3 if links else 0  # half, and of the rest half
    assert outcomes(driver, request) == ["fulfilled"] * delivered + ["failed"] * (4 - delivered)
    assert set(reasons(request)) == {
        "the vendor ended the job as expired; this was not delivered"
        if links
        else "the vendor ended the job as expired: no reason given"
    }
    assert len(driver.sent()) == 2
    assert driver.rows(MISCOUNTED) == []


def test_a_failed_one_is_tried_again_in_another_job(driver: Driver) -> None:
    request = driver.enqueue(3)
    driver.sandbox.fault("submit", "fail_job", error_message="out of luck")
    job_id = driver.accepted()
    driver.sandbox.advance(LONG)
    driver.look_now()
    assert driver.job(job_id).state == "stopped"
    driver.merge(job_id)
    job = driver.job(job_id)
    assert (job.state, job.why) == ("failed", "the vendor ended the job as failed: out of luck")
    driver.drain()
    assert outcomes(driver, request) == ["fulfilled"] * 3
    assert len(driver.sent()) == 2


def test_a_failed_one_with_links_is_merged_like_any_other(driver: Driver) -> None:
    request = driver.enqueue(4)
    driver.merge(stopped(driver, "failed", delivered_share=0.5))
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "None", "None"]
    driver.drain()
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_what_nobody_wants_any_more_is_not_bought_again(driver: Driver) -> None:
    request = driver.enqueue(4)
    job_id = stopped(driver, delivered_share=0.5)
    request.cancel()
    driver.merge(job_id)
    assert driver.states() == {"fulfilled": 2, "cancelled": 2}
    assert driver.rows(MISCOUNTED) == []


def test_a_merge_of_it_that_is_cut_off_is_repeated(driver: Driver) -> None:
    driver.enqueue(4)
    job_id = stopped(driver, delivered_share=0.5)
    driver.sandbox.fault("download", "truncate")
    driver.merge(job_id)
    assert driver.job(job_id).state == "stopped"
    driver.drain()
    assert driver.states() == {"fulfilled": 4}
    assert driver.sandbox.record()["duplicates"]["count"] == 0
