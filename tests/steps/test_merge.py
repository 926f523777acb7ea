"""Merge: every identifier of the job ends once, and is counted for every request that wants it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from manager import Outcome, Request
from manager.steps import merge as merging
from manager.steps.backoff import waited
from tests.steps.driver import LONG, MISCOUNTED, Driver, domains

pytestmark = pytest.mark.integration


def counters(request: Request) -> tuple[int, int, int, int]:
    now = request.progress()
    return now.fulfilled, now.not_found, now.failed, now.cancelled


def assert_counted(driver: Driver) -> None:
    """What the requests' counters say is what counting their items gives."""
    assert driver.rows(MISCOUNTED) == []
    assert driver.value("SELECT count(*) FROM request") > 0


def test_what_was_delivered_is_fulfilled_and_the_rest_is_not_found(driver: Driver) -> None:
    request = driver.enqueue(3, unknown=2)
    job_id = driver.completed()
    assert driver.merge(job_id) == []
    assert counters(request) == (3, 2, 0, 0)
    results = list(request.results())
    assert [result.outcome for result in results] == ["fulfilled"] * 3 + ["not_found"] * 2
    for number, result in enumerate(results[:3]):
        assert result.vendor_id == 10_000_000 + number
        assert result.record is not None
        assert result.record["basic_info"]["primary_domain"] == domains(1, number)[0]
        assert result.fetched_at is not None
    assert all(result.record is None and result.reason is None for result in results[3:])
    job = driver.job(job_id)
    assert (job.state, job.why, job.error) == ("merged", "3 results", None)
    assert_counted(driver)


def test_results_in_several_parts_are_one(driver: Driver) -> None:
    driver.sandbox.set(part_lines=2)
    request = driver.enqueue(5, unknown=1)
    driver.merge(driver.completed())
    assert driver.calls("download") == 3
    assert counters(request) == (5, 1, 0, 0)


def test_without_results_nothing_is_downloaded_and_nothing_was_found(driver: Driver) -> None:
    request = driver.enqueue(0, unknown=3)
    job_id = driver.completed()
    assert driver.job(job_id).result_count == 0
    driver.merge(job_id)
    assert driver.calls("download") == 0
    assert counters(request) == (0, 3, 0, 0)
    assert driver.job(job_id).state == "merged"


def test_requests_that_share_enrichments_are_each_counted_by_their_own_items(
    driver: Driver,
) -> None:
    first = driver.enqueue(4, unknown=1)
    second = driver.enqueue(2, first=2, priority=50)
    repeats = driver.manager.enqueue(
        "domains", ["COMPANY-0000001.example", *domains(2), "x.example"]
    )
    driver.pack()
    joined = driver.enqueue(1)
    cancelled = driver.enqueue(3)
    cancelled.cancel()
    driver.drain()
    assert counters(first) == (4, 1, 0, 0)
    assert counters(second) == (2, 0, 0, 0)
    assert counters(repeats) == (3, 1, 0, 0)
    assert counters(joined) == (1, 0, 0, 0)
    assert counters(cancelled) == (0, 0, 0, 3)
    outcomes = [result.outcome for result in repeats.results()]
    assert outcomes == [*[Outcome.FULFILLED] * 3, Outcome.NOT_FOUND]
    assert [result.outcome for result in cancelled.results()] == [Outcome.CANCELLED] * 3
    assert_counted(driver)
    assert driver.sandbox.record()["billed"]["records"] == 4


def test_a_request_in_several_jobs_is_finished_with_the_last(driver: Driver) -> None:
    driver = driver.another(job_size=2)
    request = driver.enqueue(5)
    driver.run(*driver.pack())
    driver.sandbox.advance(LONG)
    driver.hasten()
    driver.look_now()
    finished = []
    for job in driver.rows("SELECT id FROM job"):
        driver.merge(job.id)
        finished.append(request.progress().finished)
    assert finished == [False, False, True]
    assert_counted(driver)


def test_those_who_wait_for_a_request_are_told_that_it_has_finished(driver: Driver) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    with psycopg.connect(driver.context.settings.postgres, autocommit=True) as listener:
        listener.execute("LISTEN enrichd_finished")
        driver.merge(job_id)
        told = [it.payload for it in listener.notifies(timeout=10, stop_after=1)]
    assert told == [str(request.id)]


def test_a_refreshed_identifier_gets_its_new_record_and_keeps_its_old_one(driver: Driver) -> None:
    old = driver.enqueue(1)
    driver.drain()
    fresh, stale = driver.enqueue(1), driver.enqueue(1, max_age=0)
    assert counters(fresh) == (1, 0, 0, 0), "fresh enough: at once"
    assert counters(stale) == (0, 0, 0, 0)
    driver.drain()
    assert counters(stale) == (1, 0, 0, 0)
    assert driver.value("SELECT count(*) FROM result") == 2
    [before], [after] = old.results(), stale.results()
    assert before.fetched_at is not None
    assert after.fetched_at is not None
    assert before.fetched_at < after.fetched_at
    assert_counted(driver)


def test_a_request_cancelled_while_its_job_runs_is_counted_as_cancelled_only(
    driver: Driver,
) -> None:
    request = driver.enqueue(3)
    other = driver.enqueue(1)
    job_id = driver.completed()
    request.cancel()
    driver.merge(job_id)
    assert counters(request) == (0, 0, 0, 3)
    assert counters(other) == (1, 0, 0, 0)
    assert driver.states() == {"fulfilled": 3}, "what was paid for is kept for those who ask next"
    assert_counted(driver)


def test_a_job_that_is_not_completed_is_not_merged(driver: Driver) -> None:
    job_id = driver.accepted(2)
    assert driver.merge(job_id) == []
    assert driver.job(job_id).state == "pending"


def test_nothing_is_left_in_the_spool(driver: Driver) -> None:
    driver.merge(driver.completed(3))
    assert list(driver.context.spool_dir.iterdir()) == []


def test_links_that_have_expired_are_replaced_by_fresh_ones(driver: Driver) -> None:
    driver.sandbox.fault("download", "status", status=403)
    job_id = driver.completed(3)
    driver.merge(job_id)
    assert driver.job(job_id).state == "merged"
    assert driver.calls("status") == 2, "one for the links, one for fresh links"


def test_results_that_are_gone_expire_with_the_reason_and_are_not_bought_again(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "PATIENCE", waited(driver.context.settings, 7))
    request = driver.enqueue(3)
    job_id = driver.completed()
    driver.sandbox.fault("download", "status", status=404, times=None)
    # neither its age counts, nor other failures: merging may have been down for long
    driver.execute("UPDATE job SET completed_at = completed_at - interval '1 day', failures = 1000")
    for _ in range(7):
        driver.hasten()
        driver.merge(job_id)
        assert driver.job(job_id).state == "completed"
    driver.hasten()
    driver.merge(job_id)
    assert driver.job(job_id).state == "expired"
    [reason] = {result.reason for result in request.results()}
    assert reason is not None
    assert reason.startswith("the results are gone: ")
    assert reason.endswith("enqueue again to buy them again")
    assert counters(request) == (0, 0, 3, 0)
    driver.sandbox.clear_faults()
    driver.drain()
    assert driver.calls("submit") == 1
    again = driver.enqueue(3)
    driver.drain()
    assert counters(again) == (3, 0, 0, 0)


@pytest.mark.parametrize(
    ("route", "fault", "arguments"),
    [
        ("status", "status", {"status": 503}),
        ("status", "status", {"status": 401}),
        ("status", "reset_before", {}),
        ("status", "garbage", {}),
        ("download", "status", {"status": 402}),
    ],
)
def test_a_vendor_in_trouble_delays_the_merge(
    driver: Driver, route: str, fault: str, arguments: dict[str, Any]
) -> None:
    driver = driver.another(backoff_base=5.0, backoff_max=5.0)
    job_id = driver.completed(3)
    driver.sandbox.fault(route, fault, **arguments)
    driver.merge(job_id)
    job = driver.job(job_id)
    assert (job.state, job.failures) == ("completed", 1)
    assert job.error
    assert job.wait > 0
    driver.drain()
    assert driver.states() == {"fulfilled": 3}


def test_a_download_that_is_cut_off_goes_on(driver: Driver) -> None:
    job_id = driver.completed(3)
    driver.sandbox.fault("download", "cut")
    driver.merge(job_id)
    assert driver.calls("download") == 2
    assert driver.states() == {"fulfilled": 3}


def test_a_full_disk_delays_the_merge(driver: Driver) -> None:
    job_id = driver.completed(3)
    spool = driver.context.spool_dir
    spool.parent.mkdir(parents=True, exist_ok=True)
    spool.write_bytes(b"no directory")
    driver.merge(job_id)
    assert driver.job(job_id).state == "completed"
    spool.unlink()
    driver.drain()
    assert driver.states() == {"fulfilled": 3}
