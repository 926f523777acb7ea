"""Reject: what the vendor refuses for good fails, and nothing beside it does."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from manager import Outcome, reject
from manager.context import Wake
from manager.submit import submit
from sandbox.catalogue import SELECTABLE
from tests.manager.daemon import Daemon, domains

pytestmark = pytest.mark.integration


def poison(daemon: Daemon, domain: str) -> None:
    daemon.sandbox.fault("submit", "poison", match=domain, times=None)


def submissions(daemon: Daemon) -> dict[str, int]:
    """How many calls had which status."""
    calls: dict[str, int] = daemon.sandbox.record()["calls"]["submit"]
    return calls


def outcomes(daemon: Daemon, request: Any) -> Counter[str]:
    return Counter(str(result.outcome) for result in request.results())


def test_an_unsupported_field_fails_all_that_waits_in_its_lane_with_the_list(
    daemon: Daemon,
) -> None:
    daemon = daemon.another(job_size=3)
    request = daemon.enqueue(20, fields=["headcount.total", "no.such", "nor.this"])
    joined = daemon.enqueue(2, fields=["nor.this", "headcount.total", "no.such"])
    other = daemon.enqueue(2)
    daemon.drain()
    assert outcomes(daemon, request) == {"failed": 20}
    assert outcomes(daemon, joined) == {"failed": 2}
    assert outcomes(daemon, other) == {"fulfilled": 2}
    reason = next(request.results()).reason or ""
    assert reason.startswith(
        "the vendor does not support the field(s) no.such, nor.this; available"
    )
    assert reason.split("available: ")[1].split(", ") == list(SELECTABLE)
    assert submissions(daemon)["400"] <= 6, "one for each job that was packed already, at most"


def test_an_unsupported_field_fails_what_is_asked_for_later_too(daemon: Daemon) -> None:
    daemon.enqueue(1, fields=["no.such"])
    daemon.drain()
    request = daemon.enqueue(2, fields=["no.such"])
    daemon.drain()
    assert outcomes(daemon, request) == {"failed": 2}


@pytest.mark.parametrize(
    ("size", "position", "refused", "accepted"),
    [(1, 0, 1, 0), (2, 1, 2, 1), (16, 5, 5, 4), (13, 12, 4, 3)],
)
def test_one_poisonous_identifier_is_found_by_halving_and_fails_alone(
    daemon: Daemon, size: int, position: int, refused: int, accepted: int
) -> None:
    bad = domains(size)[position]
    poison(daemon, bad)
    request = daemon.enqueue(size)
    daemon.drain()
    for result in request.results():
        expected = Outcome.FAILED if result.identifier == bad else Outcome.FULFILLED
        assert result.outcome is expected
        assert ("An identifier could not be processed" in (result.reason or "")) == (
            expected is Outcome.FAILED
        )
    # Each halving costs one refusal and one acceptance, and the last refusal names the culprit.
    assert submissions(daemon) == {"400": refused} | ({"200": accepted} if accepted else {})
    assert daemon.sandbox.record()["billed"]["records"] == size - 1


def test_several_poisonous_identifiers_are_all_found(daemon: Daemon) -> None:
    bad = [domains(16)[position] for position in (0, 1, 15)]
    for domain in bad:
        poison(daemon, domain)
    request = daemon.enqueue(16)
    daemon.drain()
    failed = [result.identifier for result in request.results() if result.outcome == "failed"]
    assert failed == bad
    assert outcomes(daemon, request) == {"failed": 3, "fulfilled": 13}


def test_a_rejected_job_keeps_its_history_and_frees_its_slot(daemon: Daemon) -> None:
    poison(daemon, domains(1)[0])
    job_id = daemon.packed(2)
    wakes = submit(daemon.context, job_id)
    job = daemon.job(job_id)
    assert (job.state, job.slot) == ("rejected", None)
    assert job.ended_at is not None
    assert "An identifier could not be processed" in job.error
    assert daemon.held() == set()
    halves = [daemon.job(wake.job_id) for wake in wakes if wake.job_id]
    assert [half.why for half in halves] == [f"half of {job_id}, which was rejected"] * 2


def test_a_job_that_is_too_large_is_halved(daemon: Daemon) -> None:
    daemon.sandbox.fault("submit", "status", status=413)
    request = daemon.enqueue(5)
    daemon.drain()
    assert outcomes(daemon, request) == {"fulfilled": 5}
    assert sorted(job["identifier_count"] for job in daemon.sent()) == [2, 3]


def test_a_vendor_that_refuses_everything_pauses_the_account(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 4)
    daemon.sandbox.fault("submit", "status", status=400, times=None)
    daemon.enqueue(64)
    daemon.run(Wake("pack"))
    assert submissions(daemon) == {"400": 4}
    assert (daemon.paused() or "").startswith("the vendor has refused 4 submissions in a row")
    assert daemon.states() == {"packed": 64}, "none of them is to blame"


def test_refusals_at_once_are_counted_one_after_the_other(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 3)
    daemon.sandbox.fault("submit", "status", status=400, times=None)
    jobs = [daemon.packed(size, first=size * 100) for size in (2, 3, 4, 5)]
    all_ready = threading.Barrier(4)

    def at_once(job_id: UUID) -> None:
        context = daemon.another().context
        all_ready.wait()
        submit(context, job_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at_once, jobs))
    assert (daemon.paused() or "").startswith("the vendor has refused 3 submissions in a row")


def test_an_acceptance_in_between_shows_that_the_vendor_accepts(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reject, "REFUSALS", 4)
    poison(daemon, domains(1)[0])
    daemon.enqueue(16)
    daemon.drain()
    assert submissions(daemon)["400"] == 5
    assert daemon.paused() is None
    assert daemon.states() == {"failed": 1, "fulfilled": 15}


def test_a_refusal_counts_for_every_request_that_wanted_the_identifier(daemon: Daemon) -> None:
    poison(daemon, domains(1)[0])
    requests = [daemon.enqueue(2), daemon.enqueue(1), daemon.enqueue(1, first=1)]
    cancelled = daemon.enqueue(2)
    daemon.run(Wake("pack"))
    cancelled.cancel()
    daemon.drain()
    counters = [(p.failed, p.fulfilled) for p in (request.progress() for request in requests)]
    assert counters == [(1, 1), (1, 0), (0, 1)]
    assert all(request.progress().finished for request in requests)
