"""Reject: what the vendor refuses for good fails, and nothing beside it does."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from manager import Outcome
from manager.steps import reject
from sandbox.catalogue import SELECTABLE
from tests.steps.driver import Driver, domains

pytestmark = pytest.mark.integration


def poison(driver: Driver, domain: str) -> None:
    driver.sandbox.fault("submit", "poison", match=domain, times=None)


def submissions(driver: Driver) -> dict[str, int]:
    """How many calls had which status."""
    calls: dict[str, int] = driver.sandbox.record()["calls"]["submit"]
    return calls


def outcomes(driver: Driver, request: Any) -> Counter[str]:
    return Counter(str(result.outcome) for result in request.results())


def test_an_unsupported_field_fails_all_that_waits_in_its_lane_with_the_list(
    driver: Driver,
) -> None:
    driver = driver.another(job_size=3)
    request = driver.enqueue(20, fields=["headcount.total", "no.such", "nor.this"])
    joined = driver.enqueue(2, fields=["nor.this", "headcount.total", "no.such"])
    other = driver.enqueue(2)
    driver.drain()
    assert outcomes(driver, request) == {"failed": 20}
    assert outcomes(driver, joined) == {"failed": 2}
    assert outcomes(driver, other) == {"fulfilled": 2}
    reason = next(request.results()).reason or ""
    assert reason.startswith(
        "the vendor does not support the field(s) no.such, nor.this; available"
    )
    assert reason.split("available: ")[1].split(", ") == list(SELECTABLE)
    assert submissions(driver)["400"] <= 6, "one for each job that was packed already, at most"


def test_an_unsupported_field_fails_what_is_asked_for_later_too(driver: Driver) -> None:
    driver.enqueue(1, fields=["no.such"])
    driver.drain()
    request = driver.enqueue(2, fields=["no.such"])
    driver.drain()
    assert outcomes(driver, request) == {"failed": 2}


@pytest.mark.parametrize(
    ("size", "position", "refused", "accepted"),
    [(1, 0, 1, 0), (2, 1, 2, 1), (16, 5, 5, 4), (13, 12, 4, 3)],
)
def test_one_poisonous_identifier_is_found_by_halving_and_fails_alone(
    driver: Driver, size: int, position: int, refused: int, accepted: int
) -> None:
    bad = domains(size)[position]
    poison(driver, bad)
    request = driver.enqueue(size)
    driver.drain()
    for result in request.results():
        expected = Outcome.FAILED if result.identifier == bad else Outcome.FULFILLED
        assert result.outcome is expected
        assert ("An identifier could not be processed" in (result.reason or "")) == (
            expected is Outcome.FAILED
        )
    # Each halving costs one refusal and one acceptance, and the last refusal names the culprit.
    assert submissions(driver) == {"400": refused} | ({"200": accepted} if accepted else {})
    assert driver.sandbox.record()["billed"]["records"] == size - 1


def test_several_poisonous_identifiers_are_all_found(driver: Driver) -> None:
    bad = [domains(16)[position] for position in (0, 1, 15)]
    for domain in bad:
        poison(driver, domain)
    request = driver.enqueue(16)
    driver.drain()
    failed = [result.identifier for result in request.results() if result.outcome == "failed"]
    assert failed == bad
    assert outcomes(driver, request) == {"failed": 3, "fulfilled": 13}


def test_a_rejected_job_keeps_its_history_and_frees_its_slot(driver: Driver) -> None:
    poison(driver, domains(1)[0])
    job_id = driver.packed(2)
    wakes = driver.submit(job_id)
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("rejected", None)
    assert job.ended_at is not None
    assert "An identifier could not be processed" in job.error
    assert driver.held() == set()
    halves = [driver.job(wake.job_id) for wake in wakes if wake.job_id]
    assert [half.why for half in halves] == [f"half of {job_id}, which was rejected"] * 2


def test_a_job_that_is_too_large_is_halved(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=413)
    request = driver.enqueue(5)
    driver.drain()
    assert outcomes(driver, request) == {"fulfilled": 5}
    assert sorted(job["identifier_count"] for job in driver.sent()) == [2, 3]


def test_a_vendor_that_refuses_everything_pauses_the_account(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 4)
    driver.sandbox.fault("submit", "status", status=400, times=None)
    driver.enqueue(64)
    driver.run(driver.wake("pack"))
    assert submissions(driver) == {"400": 4}
    assert (driver.paused() or "").startswith("the vendor has refused 4 submissions in a row")
    assert driver.states() == {"packed": 64}, "none of them is to blame"


def test_refusals_at_once_are_counted_one_after_the_other(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 3)
    driver.sandbox.fault("submit", "status", status=400, times=None)
    jobs = [driver.packed(size, first=size * 100) for size in (2, 3, 4, 5)]
    all_ready = threading.Barrier(4)

    def at_once(job_id: UUID) -> None:
        other = driver.another()
        all_ready.wait()
        other.submit(job_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at_once, jobs))
    assert (driver.paused() or "").startswith("the vendor has refused 3 submissions in a row")


def test_an_acceptance_in_between_shows_that_the_vendor_accepts(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 4)
    poison(driver, domains(1)[0])
    driver.enqueue(16)
    driver.drain()
    assert submissions(driver)["400"] == 5
    assert driver.paused() is None
    assert driver.states() == {"failed": 1, "fulfilled": 15}


def test_a_refusal_counts_for_every_request_that_wanted_the_identifier(driver: Driver) -> None:
    poison(driver, domains(1)[0])
    requests = [driver.enqueue(2), driver.enqueue(1), driver.enqueue(1, first=1)]
    cancelled = driver.enqueue(2)
    driver.run(driver.wake("pack"))
    cancelled.cancel()
    driver.drain()
    counters = [(p.failed, p.fulfilled) for p in (request.progress() for request in requests)]
    assert counters == [(1, 1), (1, 0), (0, 1)]
    assert all(request.progress().finished for request in requests)
