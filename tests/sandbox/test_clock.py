"""The vendor's clock as a caller sees it, and how long jobs take by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from sandbox import Sandbox, SandboxError, companies, job_durations

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

SECOND = timedelta(seconds=1)


@pytest.mark.integration
def test_every_answer_is_dated_by_the_sandbox_s_clock(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(names="FedEx")
    now = sandbox.advance(10_000)
    link = caller.status(batch_id)["download_url"]
    answers = [
        caller.http.get("/batch"),
        caller.http.get("/nothing"),
        caller.http.get("/batch", headers={"authorization": "x"}),
        caller.download(link),
    ]
    for answer in answers:
        assert len(answer.headers.get_list("date")) == 1
        date = parsedate_to_datetime(answer.headers["date"])
        assert 0 <= now - date.timestamp() < 1


@pytest.mark.integration
@pytest.mark.parametrize("skew", [90.0, -90.0])
def test_the_vendor_s_clock_may_be_ahead_or_behind(
    caller: Caller, sandbox: Sandbox, skew: float
) -> None:
    sandbox.set(clock_skew_seconds=skew)
    now = sandbox.advance(0)
    answer = caller.post(names="FedEx")
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - now - skew) <= 1
    batch_id = answer.json()["batch_id"]
    sandbox.advance(60)
    status = caller.status(batch_id)
    (shown,) = sandbox.record()["jobs"]
    for name in ("created_at", "completed_at"):
        ahead = datetime.fromisoformat(status[name]) - datetime.fromisoformat(shown[name])
        assert ahead == timedelta(seconds=skew)
    assert caller.download(status["download_url"]).is_success


def test_durations_are_the_same_for_the_same_seed() -> None:
    drawn = job_durations((20, 60), 7, 40)
    assert drawn == job_durations((20, 60), 7, 80)[:40] != job_durations((20, 60), 8, 40)
    assert all(20 <= seconds <= 60 for seconds in drawn)
    assert max(drawn) - min(drawn) > 20


@pytest.mark.integration
def test_jobs_take_what_was_drawn_in_the_order_of_acceptance(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.set(job_seconds=[20, 60], seed=7, speed=3)
    for size in (1, 50, 3):
        caller.submit(domains=[companies.fictional(index).domain for index in range(size)])
        assert caller.post(domains=[]).status_code == 400  # takes no draw
        sandbox.foreign(seconds=1)
        sandbox.advance(1)
    taken = [job["seconds"] for job in sandbox.record()["jobs"] if not job["foreign"]]
    assert taken == pytest.approx(job_durations((20, 60), 7, 3))
    assert {job["status"] for job in caller.jobs(limit=2)["jobs"]} <= {"processing", "completed"}


@pytest.mark.integration
def test_the_draws_hold_for_jobs_that_are_slowed_down_too(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(job_seconds=[20, 60], seed=7)
    sandbox.fault("submit", "slow_job", factor=2)
    caller.submit(names="FedEx")
    (job,) = sandbox.record()["jobs"]
    assert job["seconds"] == pytest.approx(2 * job_durations((20, 60), 7, 1)[0])


@pytest.mark.integration
def test_a_range_of_durations_must_be_one(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="job_seconds"):
        sandbox.set(job_seconds=[60, 20])
