"""A job is submitted at most once, whatever becomes of the call and of the worker that made it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from manager.context import Wake
from manager.faultpoint import FaultPointError
from manager.pack import pack
from manager.submit import submit
from tests.manager.daemon import Daemon, armed, domains, under_way

pytestmark = pytest.mark.integration

WRITING = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'enrichd test %%'"


UNCLEAR: dict[str, tuple[str, dict[str, Any], bool]] = {
    "500 and not accepted": ("status", {"status": 500, "after": False}, False),
    "500 although accepted": ("status", {"status": 500, "after": True}, True),
    "503 and not accepted": ("status", {"status": 503, "after": False}, False),
    "504 although accepted": ("status", {"status": 504, "after": True}, True),
    "408 although accepted": ("status", {"status": 408, "after": True}, True),
    "an HTML page": ("html", {"after": True}, True),
    "200 and garbage": ("garbage", {}, True),
    "a reset before acceptance": ("reset_before", {}, False),
    "a reset after acceptance": ("reset_after", {}, True),
    "an answer cut off": ("cut", {}, True),
    "no answer, not accepted": ("hang", {"after": False}, False),
    "no answer although accepted": ("hang", {"after": True}, True),
}


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_without_a_clear_answer_the_job_is_unresolved_and_keeps_its_slot(
    daemon: Daemon, unclear: str
) -> None:
    fault, arguments, accepted = UNCLEAR[unclear]
    if fault == "hang":
        daemon = daemon.another(vendor_read_timeout=0.3)
    job_id = daemon.unresolved(3, fault, **arguments)
    job = daemon.job(job_id)
    assert (job.slot, job.batch_id) == (1, None)
    assert job.why.startswith("unresolved: The vendor")
    assert daemon.held() == {job_id}
    assert len(daemon.sent()) == accepted


def test_an_unresolved_job_is_not_sent_again_by_any_wake_up(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    daemon.hasten()
    daemon.run(Wake("submit", job_id), Wake("submit", job_id), Wake("sweep"))
    assert daemon.calls("submit") == 1


def test_while_one_is_unresolved_another_of_its_size_is_sent_one_smaller(daemon: Daemon) -> None:
    unresolved = daemon.unresolved(3, "reset_after")
    other = daemon.packed(3, first=100)
    submit(daemon.context, other)
    assert daemon.calls("submit") == 1
    assert daemon.states() == {"packed": 5, "pending": 1}
    submit(daemon.context, other)
    assert [job["identifier_count"] for job in daemon.sent()] == [3, 2]
    assert daemon.job(other).state == "pending"
    [wake] = pack(daemon.context)  # what was left out is in the next job
    assert wake.job_id
    assert daemon.job(wake.job_id).identifier_count == 1
    assert daemon.job(unresolved).state == "submitting"


def test_what_is_left_out_is_not_bought_when_no_request_wants_it_any_more(daemon: Daemon) -> None:
    daemon.unresolved(3, "reset_after")
    request = daemon.enqueue(3, first=100)
    other = daemon.packed()
    request.cancel()
    submit(daemon.context, other)
    assert daemon.states() == {"packed": 5, "cancelled": 1}


def test_what_a_callers_open_transaction_holds_is_not_left_out(daemon: Daemon) -> None:
    daemon.unresolved(3, "reset_after")
    other = daemon.packed(3, first=100)
    with psycopg.connect(daemon.context.settings.postgres) as caller:
        daemon.manager.enqueue("domains", domains(3, first=100), connection=caller)
        submit(daemon.context, other)  # and does not wait for the caller
        assert daemon.job(other).identifier_count == 3
        caller.rollback()
    daemon.hasten()
    submit(daemon.context, other)
    assert daemon.job(other).identifier_count == 2


def test_while_one_of_one_is_unresolved_another_of_one_waits(daemon: Daemon) -> None:
    other = daemon.packed(1, first=100)
    daemon.unresolved(1, "reset_after")
    submit(daemon.context, other)
    job = daemon.job(other)
    assert (job.state, job.slot, job.error) == ("packed", None, "a job of the same size first")
    assert 0 < job.wait < 0.05
    assert other not in daemon.held()
    assert daemon.calls("submit") == 1


def test_while_one_is_under_way_another_of_its_size_waits_for_its_answer(daemon: Daemon) -> None:
    first, second = daemon.packed(3), daemon.packed(3, first=100)
    with under_way(daemon, first):
        submit(daemon.another().context, second)
        assert daemon.job(second).state == "packed"
        assert daemon.job(second).identifier_count == 3
    assert daemon.calls("submit") == 1
    daemon.hasten()
    submit(daemon.context, second)
    assert [job["identifier_count"] for job in daemon.sent()] == [3, 3]


def test_a_doubled_wake_up_submits_once(daemon: Daemon) -> None:
    job_id = daemon.packed(3)
    for _ in range(3):
        submit(daemon.context, job_id)
    assert daemon.calls("submit") == 1


def test_a_wake_up_during_the_call_submits_once(daemon: Daemon) -> None:
    job_id = daemon.packed(3)
    other = daemon.another()
    with under_way(daemon, job_id):
        daemon.hasten(seconds=3600)
        other.run(Wake("submit", job_id), Wake("resolve", job_id), Wake("sweep"))
    assert daemon.calls("submit") == 1
    assert daemon.calls("list") == 0, "nor is what is under way looked for"
    assert daemon.job(job_id).state == "pending"


def test_concurrent_wake_ups_submit_each_job_once(daemon: Daemon) -> None:
    jobs = [daemon.packed(size, first=100 * size) for size in (1, 2, 3)]
    workers = [daemon.another() for _ in range(4)]
    start = threading.Barrier(len(workers))

    def work(worker: Daemon) -> None:
        start.wait()
        for job_id in jobs:
            submit(worker.context, job_id)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, workers))
    assert sorted(job["identifier_count"] for job in daemon.sent()) == [1, 2, 3]
    assert daemon.calls("submit") == 3
    assert daemon.held() == set(jobs)


DEATHS = (
    "before semaphore.acquire",
    "after semaphore.acquire",
    "before submit.begin",
    "after submit.begin",
    "before submit.identifiers",
    "before vendor.submit",
    "after vendor.submit",
    "before submit.accepted",
    "after submit.accepted",
)


@pytest.mark.parametrize("point", DEATHS)
def test_a_worker_that_dies_anywhere_in_between_buys_nothing_twice(
    daemon: Daemon, point: str
) -> None:
    job_id = daemon.packed(3)
    with armed(point), pytest.raises(FaultPointError):
        submit(daemon.context, job_id)
    daemon.drain()
    assert daemon.states() == {"fulfilled": 3}
    assert [job["fulfilled"] for job in daemon.sent()] == [3]


@pytest.mark.parametrize("status", [429, 402, 400, 404])
def test_a_refusal_that_is_not_written_down_is_found_out(daemon: Daemon, status: int) -> None:
    daemon.sandbox.fault("submit", "status", status=status)
    job_id = daemon.packed(1)
    statement = "submit.reject" if status == 400 else "submit.put_back"
    with armed(f"before {statement}"), pytest.raises(FaultPointError):
        submit(daemon.context, job_id)
    assert daemon.job(job_id).state == "submitting"
    daemon.resume()
    daemon.drain()
    assert [job["fulfilled"] for job in daemon.sent()] == [1]


def test_an_answer_is_written_down_although_postgres_has_cut_the_connection(
    daemon: Daemon,
) -> None:
    job_id = daemon.packed(3)
    with under_way(daemon, job_id):
        assert daemon.rows(f"SELECT pg_terminate_backend(pid) FROM ({WRITING}) w") == [(True,)]
    assert daemon.job(job_id).state == "pending"
    assert daemon.job(job_id).batch_id == daemon.sent()[0]["batch_id"]


def test_an_answer_that_comes_too_late_changes_nothing_any_more(daemon: Daemon) -> None:
    """A worker is frozen during its call; meanwhile its lock is lost and the job sent again."""
    job_id = daemon.packed(3)
    with under_way(daemon, job_id):
        daemon.rows(f"SELECT pg_terminate_backend(pid) FROM ({WRITING}) w")
        daemon.execute(
            "UPDATE job SET state = 'packed', why = 'test', slot = NULL WHERE id = %(id)s",
            id=job_id,
        )
        daemon.hasten()
        daemon.sandbox.fault("submit", "status", status=404)
        submit(daemon.another().context, job_id)
        before = daemon.job(job_id)
        assert (before.state, before.attempts) == ("packed", 2)
    assert daemon.sent(), "the late answer was an acceptance"
    assert daemon.job(job_id)[:-1] == before[:-1]
