"""Resolve, when the list or the results cannot be had, and when a webhook has come."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from manager.ledger.execute import first
from manager.ledger.sql import Statements
from manager.steps.resolve import resolve
from manager.steps.webhook_token import hash_token
from tests.steps.driver import LONG, Driver
from tests.steps.webhooks import Webhooks

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [
        ("status", {"status": 503}),
        ("status", {"status": 401}),
        ("status", {"status": 429, "headers": {"retry-after": "9"}}),
        ("reset_before", {}),
        ("html", {}),
        ("garbage", {}),
    ],
)
def test_a_list_that_cannot_be_read_is_no_look(
    driver: Driver, fault: str, arguments: dict[str, Any]
) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.sandbox.fault("list", fault, times=6, **arguments)
    assert driver.look(job_id, times=6) == "submitting"
    job = driver.job(job_id)
    assert (job.looks, job.failures) == (0, 0)
    assert job.why == "unresolved: not on the vendor's list yet"
    assert driver.look(job_id, times=4) == "packed"


@pytest.mark.parametrize("fault", ["expired", "truncate", "corrupt"])
def test_results_that_cannot_be_read_now_are_read_later(driver: Driver, fault: str) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    if fault == "expired":
        driver.sandbox.fault("download", "status", status=403, times=2)
    else:
        driver.sandbox.fault("download", fault)
    assert driver.look(job_id) == "submitting"
    assert driver.held() == {job_id}
    assert driver.look(job_id) == "completed"
    driver.drain()
    driver.assert_bought_once()


def test_results_of_another_that_are_gone_do_not_keep_ours_from_being_found(
    driver: Driver,
) -> None:
    theirs = driver.sandbox.foreign(identifier_count=3, seconds=5)["batch_id"]
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.gone(theirs)
    assert driver.look(job_id) == "completed"
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]


def test_results_that_are_never_to_be_read_keep_it_waiting_and_say_so(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "status", status=404, times=None)
    assert driver.look(job_id, times=8) == "submitting"
    batch_id = driver.sent()[0]["batch_id"]
    why = f"unresolved: 1 job(s) at the vendor may be this one: {batch_id} (completed)"
    assert driver.job(job_id).why == why
    [row] = driver.rows("SELECT * FROM vendor_job WHERE batch_id = %(id)s", id=batch_id)
    assert (row.whose, row.judge_failures) == ("open", 8)
    assert row.judged_why.startswith("its results cannot be read: ")


def test_what_cannot_be_read_is_tried_later_and_later(driver: Driver) -> None:
    driver = driver.another(backoff_base=10, backoff_max=60)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "status", status=404, times=None)
    for least, most in ((5, 10), (10, 20), (20, 40)):
        driver.look(job_id)
        wait = "SELECT extract(epoch FROM judge_at - now())::float FROM vendor_job"
        assert least - 1 < driver.value(wait) <= most


@pytest.mark.parametrize(("status", "times"), [(503, 3), (404, 3), (401, 1)])
def test_a_vendor_that_does_not_answer_about_a_candidate_is_asked_again(
    driver: Driver, status: int, times: int
) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("status", "status", status=status, times=times)
    for _ in range(times):
        assert driver.look(job_id) == "submitting"
    assert driver.job(job_id).failures == 0
    assert driver.look(job_id) == "completed"


def test_its_turn_is_waited_for_and_that_is_no_failure(driver: Driver) -> None:
    driver.sandbox.set(calls_per_minute=None)
    slow = driver.another(vendor_calls_per_minute=1)
    job_id = slow.unresolved(3, "reset_after")
    slow.sandbox.advance(LONG)
    slow.look_now()
    slow.account.vendor.status(slow.sent()[0]["batch_id"])
    waits = []
    for _ in range(4):
        slow.execute("UPDATE job SET due_at = now()")
        wake, _ = resolve(slow.context, slow.account, job_id)
        job = slow.job(job_id)
        assert (job.state, job.failures) == ("submitting", 0)
        assert job.waits_for.startswith("waits for its turn until ")
        assert job.wait == pytest.approx(wake.delay, abs=1)
        waits.append(wake.delay)
    assert all(0 < wait <= 61 for wait in waits), "it does not double"
    [row] = slow.rows("SELECT * FROM vendor_job")
    assert (row.judge_failures, row.judged_why) == (0, None)
    assert slow.look(job_id) == "completed"
    assert slow.job(job_id).waits_for is None


# A webhook came


def deliver(driver: Driver, path: str) -> bool:
    """The vendor's webhook reaches us; whether it is heard."""
    *_, job_id, token = path.split("/")
    parameters = {"job_id": UUID(job_id), "token_hash": hash_token(token)}
    with driver.context.ledger.connect() as connection:
        return first(connection, Statements("webhook").heard, str, parameters) is not None


def test_what_a_webhook_told_of_is_never_sent_again(driver: Driver, webhooks: Webhooks) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    driver.sandbox.set(list_lag_seconds=1_000)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert deliver(driver, webhooks.next())
    assert driver.wake("look") in driver.sweep(), "it is a hint to look at once"
    assert driver.look(job_id, times=8) == "submitting"
    driver.sandbox.advance(1_000)
    driver.hasten()
    driver.drain()
    driver.assert_bought_once()


def test_what_a_webhook_told_of_is_sent_again_if_it_brought_nothing(
    driver: Driver, webhooks: Webhooks
) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert deliver(driver, webhooks.next())
    assert driver.look(job_id, times=4) == "packed"


def test_a_webhook_of_an_earlier_attempt_says_nothing_about_this_one(
    driver: Driver, webhooks: Webhooks
) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    driver.sandbox.fault("submit", "reset_before")
    driver.submit(job_id)
    assert not deliver(driver, webhooks.next())
    assert driver.job(job_id).webhook_at is None
