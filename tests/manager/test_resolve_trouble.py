"""Resolve, when the list or the results cannot be had, and when a webhook has come."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from manager.context import Wake
from manager.submit import submit
from manager.sweep import sweep
from manager.web.app import make_app
from tests.manager.daemon import LONG, Daemon
from tests.manager.webhooks import Webhooks

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
    daemon: Daemon, fault: str, arguments: dict[str, Any]
) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    daemon.sandbox.fault("list", fault, times=6, **arguments)
    assert daemon.look(job_id, times=6) == "submitting"
    job = daemon.job(job_id)
    assert (job.looks, job.failures) == (0, 6)
    assert job.why.startswith("unresolved: cannot look: The vendor")
    assert job.wait > (8 if "headers" in arguments else 0)
    assert daemon.look(job_id, times=4) == "packed"


@pytest.mark.parametrize("fault", ["expired", "truncate", "corrupt"])
def test_results_that_cannot_be_read_now_are_read_later(daemon: Daemon, fault: str) -> None:
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    if fault == "expired":
        daemon.sandbox.fault("download", "status", status=403, times=2)
    else:
        daemon.sandbox.fault("download", fault)
    assert daemon.look(job_id) == "submitting"
    assert daemon.look(job_id) == "pending"
    daemon.drain()
    daemon.assert_bought_once()


def test_results_of_another_that_are_gone_do_not_keep_ours_from_being_found(
    daemon: Daemon,
) -> None:
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.foreign(identifier_count=3, seconds=5)
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "status", status=404, times=2)  # the newest comes first
    assert daemon.look(job_id) == "pending"
    assert daemon.job(job_id).batch_id == daemon.sent()[0]["batch_id"]


# A webhook came


def deliver(daemon: Daemon, path: str) -> int:
    """The vendor's webhook reaches our own receiver; the status of its answer."""

    async def post() -> int:
        transport = httpx.ASGITransport(make_app(daemon.context))
        async with httpx.AsyncClient(transport=transport, base_url="http://enrichd") as client:
            return (await client.post(path, content=b"{}")).status_code

    return asyncio.run(post())


def test_what_a_webhook_told_of_is_never_sent_again(daemon: Daemon, webhooks: Webhooks) -> None:
    daemon = daemon.another(webhook_url=webhooks.url)
    daemon.sandbox.set(list_lag_seconds=1_000)
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    assert deliver(daemon, webhooks.next()) == 204
    assert [wake for wake in sweep(daemon.context) if wake.job_id] == [Wake("resolve", job_id)]
    assert daemon.look(job_id, times=8) == "submitting"
    daemon.sandbox.advance(1_000)
    daemon.drain()
    daemon.assert_bought_once()


def test_what_a_webhook_told_of_is_sent_again_if_it_brought_nothing(
    daemon: Daemon, webhooks: Webhooks
) -> None:
    daemon = daemon.another(webhook_url=webhooks.url)
    daemon.sandbox.fault("submit", "fail_job")
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    assert deliver(daemon, webhooks.next()) == 204
    assert daemon.look(job_id, times=4) == "packed"


def test_a_webhook_of_an_earlier_attempt_says_nothing_about_this_one(
    daemon: Daemon, webhooks: Webhooks
) -> None:
    daemon = daemon.another(webhook_url=webhooks.url)
    daemon.sandbox.fault("submit", "fail_job")
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    assert daemon.look(job_id, times=4) == "packed"
    daemon.sandbox.fault("submit", "reset_before")
    submit(daemon.context, job_id)
    assert deliver(daemon, webhooks.next()) == 404
    assert daemon.job(job_id).webhook_at is None
