"""Merge: cut off anywhere, doubled, or held up, it happens exactly once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from manager import Request
from manager.faultpoint import FaultPointError
from tests.steps.driver import LONG, MISCOUNTED, Driver, armed, domains
from tests.steps.patience import until

pytestmark = pytest.mark.integration

WAITS_FOR_A_ROW = """
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE 'enrichd:test %%' AND wait_event_type = 'Lock'
"""


@contextmanager
def held(driver: Driver, fields: Sequence[str] = ()) -> Iterator[psycopg.Connection[Any]]:
    """A caller's transaction that has joined the enrichments, and is rolled back in the end."""
    with psycopg.connect(driver.context.settings.postgres) as caller:
        driver.manager.enqueue("domains", domains(2), fields=fields, connection=caller)
        yield caller
        caller.rollback()


def assert_merged_once(driver: Driver, request: Request, count: int) -> None:
    assert driver.states() == {"fulfilled": count}
    assert driver.value("SELECT count(*) FROM result") == count
    assert driver.rows(MISCOUNTED) == []
    assert request.progress().fulfilled == count
    ends = "SELECT count(*) FROM job_event WHERE to_state = 'merged'"
    assert driver.value(ends) == driver.value("SELECT count(*) FROM job")


POINTS = (
    "before ended.job",
    "before vendor.status",
    "before vendor.download",
    "after vendor.download",
    "before staging.create",
    "after staging.create",
    "after settle.lock_enrichments",
    "after merge.insert_results",
    "after merge.stray_lines",
    "after settle.settle_job",
    "after settle.tally",
    "after settle.notify_finished",
    "before merge.commit",
    "after merge.commit",
)


@pytest.mark.parametrize("point", POINTS)
def test_a_merge_that_is_cut_off_has_done_all_or_nothing_and_is_repeated(
    driver: Driver, point: str
) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    with armed(point), pytest.raises(FaultPointError):
        driver.merge(job_id)
    seen = request.progress()
    assert (seen.fulfilled, seen.finished) in ((0, False), (3, True))
    assert driver.value("SELECT count(*) FROM result") == seen.fulfilled
    driver.drain()
    assert_merged_once(driver, request, 3)


def test_another_machine_goes_on_without_the_spool_of_the_first(driver: Driver) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    with armed("before staging.create"), pytest.raises(FaultPointError):
        driver.merge(job_id)
    shutil.rmtree(driver.context.spool_dir)
    driver.merge(job_id)
    assert_merged_once(driver, request, 3)


def test_a_merge_whose_connection_is_cut_is_repeated(driver: Driver) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    failed: list[Exception] = []

    def work() -> None:
        try:
            driver.merge(job_id)
        except psycopg.OperationalError as error:
            failed.append(error)

    with held(driver) as caller:
        merging = threading.Thread(target=work)
        merging.start()
        until(lambda: driver.rows(WAITS_FOR_A_ROW))
        assert driver.rows(f"SELECT pg_terminate_backend(pid) FROM ({WAITS_FOR_A_ROW}) w")
        merging.join()
        caller.rollback()
    assert failed
    assert (driver.job(job_id).state, driver.states()) == ("completed", {"packed": 2})
    driver.drain()
    assert_merged_once(driver, request, 2)


def test_two_merges_at_once_are_one(driver: Driver) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    other = driver.another()
    with held(driver) as caller:
        merging = threading.Thread(target=driver.merge, args=(job_id,))
        merging.start()
        until(lambda: driver.rows(WAITS_FOR_A_ROW))
        assert other.merge(job_id) == []  # at once: it does not wait for the first
        assert driver.job(job_id).state == "completed"
        caller.rollback()
        merging.join()
    assert_merged_once(driver, request, 2)
    downloads = driver.calls("download")
    other.merge(job_id)
    assert driver.calls("download") == downloads


def test_a_callers_open_transaction_delays_only_the_merge_of_what_it_joined(
    driver: Driver,
) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    hasty = driver.another(merge_lock_timeout=0.1)
    with psycopg.connect(driver.context.settings.postgres) as caller:
        joined = driver.manager.enqueue("domains", domains(2), connection=caller)
        hasty.merge(job_id)
        job = driver.job(job_id)
        assert (job.state, job.failures, job.bad_files) == ("completed", 1, 0)
        assert f"It is held by pid {caller.info.backend_pid}" in job.error
        driver.enqueue(2, first=10)
        hasty.step()
        hasty.step()
        assert driver.states() == {"packed": 3, "fulfilled": 2}, "nothing else is delayed"
    assert not joined.progress().finished
    driver.drain()
    assert joined.progress().fulfilled == 2
    assert request.progress().fulfilled == 3
    assert driver.rows(MISCOUNTED) == []
    assert driver.sandbox.record()["billed"]["records"] == 5


@pytest.mark.parametrize("fault", ["fail_job", "poison", "unsupported field"])
def test_a_callers_open_transaction_does_not_hold_up_the_worker_that_fails_its_job(
    driver: Driver, fault: str
) -> None:
    hasty = driver.another(merge_lock_timeout=0.1)
    other = driver.accepted(3, first=10)
    if fault == "fail_job":
        driver.sandbox.fault("submit", fault)
    elif fault == "poison":
        driver.sandbox.fault("submit", fault, match=domains(1)[0], times=None)
    fields = ["no.such"] if fault == "unsupported field" else []
    request = driver.enqueue(2, fields=fields)
    job_id = driver.packed()
    with held(driver, fields):
        hasty.submit(job_id)
        driver.sandbox.advance(LONG)
        driver.hasten()
        hasty.look_now()
        assert driver.job(other).state == "completed"
        assert driver.job(job_id).state == ("stopped" if fault == "fail_job" else "packed")
        hasty.merge(job_id)
        assert driver.states() == {"packed": 5}
        assert driver.job(job_id).failures == 1
        assert "a caller's transaction" in driver.job(job_id).error or fault != "fail_job"
    driver.drain()
    ends = [str(result.outcome) for result in request.results()]
    assert (
        ends
        == {
            "fail_job": ["fulfilled", "fulfilled"],
            "poison": ["failed", "fulfilled"],
            "unsupported field": ["failed", "failed"],
        }[fault]
    )
    assert driver.rows(MISCOUNTED) == []


def test_a_callers_open_transaction_does_not_hold_up_the_end_of_a_job_that_is_too_large(
    driver: Driver,
) -> None:
    hasty = driver.another(merge_lock_timeout=0.1, merge_max_line=1024)
    request = driver.enqueue(2)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: [b"x" * 2048])
    with held(driver):
        hasty.merge(job_id)
        job = driver.job(job_id)
        assert (job.state, job.failures) == ("completed", 1)
        assert "a caller's transaction holds its enrichments. It is held by pid" in job.error
    hasty.drain()
    assert request.progress().failed == 2


def test_a_doubled_wake_up_merges_once(driver: Driver) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    driver.run(*[driver.wake("merge", job_id)] * 3)
    assert_merged_once(driver, request, 3)
