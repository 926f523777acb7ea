"""Resolve, when the list or the results cannot be had, and when a webhook has come."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from manager.steps.context import Wake
from manager.steps.submit import submit
from manager.steps.sweep import sweep
from manager.web.app import make_app
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
    assert (job.looks, job.failures) == (0, 6)
    assert job.why.startswith("unresolved: cannot look: The vendor")
    assert job.wait > (8 if "headers" in arguments else 0)
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
    assert driver.look(job_id) == "pending"
    driver.drain()
    driver.assert_bought_once()


def test_results_of_another_that_are_gone_do_not_keep_ours_from_being_found(
    driver: Driver,
) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.foreign(identifier_count=3, seconds=5)
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "status", status=404, times=2)  # the newest comes first
    assert driver.look(job_id) == "pending"
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]


# A webhook came


def deliver(driver: Driver, path: str) -> int:
    """The vendor's webhook reaches our own receiver; the status of its answer."""

    async def post() -> int:
        transport = httpx.ASGITransport(make_app(driver.context))
        async with httpx.AsyncClient(transport=transport, base_url="http://enrichd") as client:
            return (await client.post(path, content=b"{}")).status_code

    return asyncio.run(post())


def test_what_a_webhook_told_of_is_never_sent_again(driver: Driver, webhooks: Webhooks) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    driver.sandbox.set(list_lag_seconds=1_000)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert deliver(driver, webhooks.next()) == 204
    assert [wake for wake in sweep(driver.context) if wake.job_id] == [Wake("resolve", job_id)]
    assert driver.look(job_id, times=8) == "submitting"
    driver.sandbox.advance(1_000)
    driver.drain()
    driver.assert_bought_once()


def test_what_a_webhook_told_of_is_sent_again_if_it_brought_nothing(
    driver: Driver, webhooks: Webhooks
) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert deliver(driver, webhooks.next()) == 204
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
    submit(driver.context, job_id)
    assert deliver(driver, webhooks.next()) == 404
    assert driver.job(job_id).webhook_at is None
