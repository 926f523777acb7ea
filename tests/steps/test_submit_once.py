"""A job is submitted at most once, whatever becomes of the call and of the worker that made it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from manager.faultpoint import FaultPointError
from tests.steps.driver import LONG, Driver, armed, domains, under_way

pytestmark = pytest.mark.integration

WRITING = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'enrichd:test %%'"
# The worker's step ends with that, after it has written down the answer through another connection.
CUT = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

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
    driver: Driver, unclear: str
) -> None:
    fault, arguments, accepted = UNCLEAR[unclear]
    if fault == "hang":
        driver = driver.another(vendor_read_timeout=0.3)
    job_id = driver.unresolved(3, fault, **arguments)
    job = driver.job(job_id)
    assert (job.slot, job.batch_id) == (1, None)
    assert job.why.startswith("unresolved: The vendor")
    assert driver.held() == {job_id}
    assert len(driver.sent()) == accepted


def test_an_unresolved_job_is_not_sent_again_by_any_wake_up(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.hasten()
    driver.run(driver.wake("submit", job_id), driver.wake("submit", job_id), driver.wake("sweep"))
    assert driver.calls("submit") == 1


def test_looks_while_the_list_lags_prove_nothing_however_long_ago_they_were(
    driver: Driver,
) -> None:
    """No look may have come through since, so only one after the window tells."""
    driver.sandbox.set(list_lag_seconds=5)
    job_id = driver.unresolved(3, "reset_after")
    for _ in range(driver.context.settings.resolve_looks + 1):
        driver.look_now()
    driver.sandbox.advance(LONG)
    driver.hasten(seconds=LONG)
    driver.resolve(job_id)
    assert driver.job(job_id).state == "submitting"
    driver.drain()
    driver.assert_bought_once()


def test_while_one_is_unresolved_another_of_its_size_is_sent_one_smaller(driver: Driver) -> None:
    unresolved = driver.unresolved(3, "reset_after")
    other = driver.packed(3, first=100)
    driver.submit(other)
    assert driver.calls("submit") == 1
    assert driver.states() == {"packed": 5, "pending": 1}
    driver.submit(other)
    assert [job["identifier_count"] for job in driver.sent()] == [3, 2]
    assert driver.job(other).state == "pending"
    [wake] = driver.pack()  # what was left out is in the next job
    assert wake.job_id
    assert driver.job(wake.job_id).identifier_count == 1
    assert driver.job(unresolved).state == "submitting"


def test_what_is_left_out_is_not_bought_when_no_request_wants_it_any_more(driver: Driver) -> None:
    driver.unresolved(3, "reset_after")
    request = driver.enqueue(3, first=100)
    other = driver.packed()
    request.cancel()
    driver.submit(other)
    assert driver.states() == {"packed": 5, "cancelled": 1}


def test_what_a_callers_open_transaction_holds_is_not_left_out(driver: Driver) -> None:
    driver.unresolved(3, "reset_after")
    other = driver.packed(3, first=100)
    with psycopg.connect(driver.context.settings.postgres) as caller:
        driver.manager.enqueue("domains", domains(3, first=100), connection=caller)
        driver.submit(other)  # and does not wait for the caller
        assert driver.job(other).identifier_count == 3
        caller.rollback()
    driver.hasten()
    driver.submit(other)
    assert driver.job(other).identifier_count == 2


def test_while_one_of_one_is_unresolved_another_of_one_waits(driver: Driver) -> None:
    other = driver.packed(1, first=100)
    driver.unresolved(1, "reset_after")
    driver.submit(other)
    job = driver.job(other)
    assert (job.state, job.slot, job.waits_for) == ("packed", None, "a job of the same size")
    assert (job.failures, job.error) == (0, None)
    assert 0 < job.wait < 0.05
    assert other not in driver.held()
    assert driver.calls("submit") == 1


def test_while_one_is_under_way_another_of_its_size_waits_for_its_answer(driver: Driver) -> None:
    first, second = driver.packed(3), driver.packed(3, first=100)
    with under_way(driver, first):
        driver.another().submit(second)
        assert driver.job(second).state == "packed"
        assert driver.job(second).identifier_count == 3
    assert driver.calls("submit") == 1
    driver.hasten()
    driver.submit(second)
    assert [job["identifier_count"] for job in driver.sent()] == [3, 3]


def test_a_doubled_wake_up_submits_once(driver: Driver) -> None:
    job_id = driver.packed(3)
    for _ in range(3):
        driver.submit(job_id)
    assert driver.calls("submit") == 1


def test_a_wake_up_during_the_call_submits_once(driver: Driver) -> None:
    job_id = driver.packed(3)
    other = driver.another()
    with under_way(driver, job_id):
        driver.hasten(seconds=3600)
        other.run(
            driver.wake("submit", job_id), driver.wake("resolve", job_id), driver.wake("sweep")
        )
    assert driver.calls("submit") == 1
    assert driver.job(job_id).state == "pending"


def test_concurrent_wake_ups_submit_each_job_once(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in (1, 2, 3)]
    workers = [driver.another() for _ in range(4)]
    start = threading.Barrier(len(workers))

    def work(worker: Driver) -> None:
        start.wait()
        for job_id in jobs:
            worker.submit(job_id)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, workers))
    assert sorted(job["identifier_count"] for job in driver.sent()) == [1, 2, 3]
    assert driver.calls("submit") == 3
    assert driver.held() == set(jobs)


DEATHS = (
    "before semaphore.acquire",
    "after semaphore.acquire",
    "before attempt.begin",
    "after attempt.begin",
    "before submit.identifiers",
    "before vendor.submit",
    "after vendor.submit",
    "before attempt.accept",
    "after attempt.accept",
)


@pytest.mark.parametrize("point", DEATHS)
def test_a_worker_that_dies_anywhere_in_between_buys_nothing_twice(
    driver: Driver, point: str
) -> None:
    job_id = driver.packed(3)
    with armed(point), pytest.raises(FaultPointError):
        driver.submit(job_id)
    driver.drain()
    assert driver.states() == {"fulfilled": 3}
    assert [job["fulfilled"] for job in driver.sent()] == [3]


@pytest.mark.parametrize("status", [429, 402, 400, 404])
def test_a_refusal_that_is_not_written_down_is_found_out(driver: Driver, status: int) -> None:
    driver.sandbox.fault("submit", "status", status=status)
    job_id = driver.packed(1)
    statement = "attempt.reject" if status == 400 else "attempt.put_back"
    with armed(f"before {statement}"), pytest.raises(FaultPointError):
        driver.submit(job_id)
    assert driver.job(job_id).state == "submitting"
    driver.resume()
    driver.drain()
    assert [job["fulfilled"] for job in driver.sent()] == [1]


@CUT
def test_an_answer_is_written_down_although_postgres_has_cut_the_connection(
    driver: Driver,
) -> None:
    job_id = driver.packed(3)
    with under_way(driver, job_id):
        assert driver.rows(f"SELECT pg_terminate_backend(pid) FROM ({WRITING}) w") == [(True,)]
    assert driver.job(job_id).state == "pending"
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]


@CUT
def test_an_answer_that_comes_too_late_changes_nothing_any_more(driver: Driver) -> None:
    """A worker is frozen during its call; meanwhile its lock is lost and the job sent again."""
    job_id = driver.packed(3)
    with under_way(driver, job_id):
        driver.rows(f"SELECT pg_terminate_backend(pid) FROM ({WRITING}) w")
        driver.execute(
            "UPDATE job SET state = 'packed', why = 'test', slot = NULL WHERE id = %(id)s",
            id=job_id,
        )
        driver.hasten()
        driver.sandbox.fault("submit", "status", status=404)
        driver.another().submit(job_id)
        before = driver.job(job_id)
        assert (before.state, before.attempts) == ("packed", 2)
    assert driver.sent(), "the late answer was an acceptance"
    assert driver.job(job_id)[:-1] == before[:-1]
