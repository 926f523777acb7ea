"""Poll: how the jobs are; few questions, and none too often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import Settings
from manager.faultpoint import FaultPointError
from manager.steps.context import Wake
from manager.steps.pack import pack
from manager.steps.poll import UNKNOWN_LIMIT, poll
from manager.steps.schedule import next_poll
from tests.steps.driver import LONG, Driver, armed

pytestmark = pytest.mark.integration


def again(driver: Driver, times: int = 1) -> list[Wake]:
    """Poll that many times, whenever it is due; the last wake-ups."""
    wakes: list[Wake] = []
    for _ in range(times):
        driver.hasten()
        wakes = poll(driver.context)
    return wakes


def test_a_job_that_is_not_due_is_not_asked_about(driver: Driver) -> None:
    driver.accepted(2)
    driver.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert poll(driver.context) == []
    assert driver.calls("status") == driver.calls("list") == 0


def test_a_jobs_state_follows_the_vendors(driver: Driver) -> None:
    job_id = driver.accepted(2)
    again(driver)
    assert driver.job(job_id).state == "pending"
    driver.sandbox.advance(5)
    again(driver)
    job = driver.job(job_id)
    assert (job.state, job.why) == ("processing", "the vendor works on it")
    assert job.processing_at is not None
    driver.sandbox.advance(LONG)
    assert again(driver) == [Wake("merge", job_id), Wake("sweep")]
    job = driver.job(job_id)
    assert (job.state, job.slot, job.result_count, job.entities_fulfilled) == (
        "completed",
        None,
        2,
        2,
    )
    moves = "SELECT to_state FROM job_event WHERE job_id = %(id)s ORDER BY id"
    assert [row.to_state for row in driver.rows(moves, id=job_id)] == [
        "packed",
        "submitting",
        "pending",
        "processing",
        "completed",
    ]


def test_a_completed_jobs_slot_is_free_before_its_results_are_merged(driver: Driver) -> None:
    driver.completed(2)
    assert driver.held() == set()
    assert driver.job(driver.accepted(2, first=10)).slot == 1


def test_one_job_is_asked_about_by_itself_and_several_by_one_list_call(driver: Driver) -> None:
    jobs = [driver.accepted(1)]
    again(driver)
    assert (driver.calls("status"), driver.calls("list")) == (1, 0)
    jobs += [driver.accepted(size, first=10 * size) for size in (2, 3, 4)]
    driver.sandbox.advance(LONG)
    wakes = again(driver)
    assert (driver.calls("status"), driver.calls("list")) == (1, 1)
    assert {wake.job_id for wake in wakes if wake.step == "merge"} == set(jobs)
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}


def test_what_the_list_does_not_show_is_asked_about_by_itself(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.set(list_lag_seconds=1_000)
    driver.sandbox.advance(LONG)
    again(driver)
    assert (driver.calls("status"), driver.calls("list")) == (2, 1)
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}


def test_a_list_that_cannot_be_read_is_made_up_for(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.fault("list", "status", status=500)
    driver.sandbox.advance(LONG)
    again(driver)
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}


def test_a_failed_jobs_enrichments_wait_for_another_until_they_have_failed_too_often(
    driver: Driver,
) -> None:
    driver.sandbox.fault("submit", "fail_job", times=3, error_message="out of luck")
    request = driver.enqueue(2)
    for attempt in (1, 2):
        driver.hasten()
        driver.run(*pack(driver.context))
        driver.sandbox.advance(LONG)
        assert again(driver) == [Wake("sweep")]
        assert driver.held() == set()
        assert driver.states() == {"pending": 2}
        assert driver.value("SELECT min(attempts) FROM enrichment") == attempt
    driver.drain()
    reason = "the vendor failed the job: out of luck"
    assert {(result.outcome, result.reason) for result in request.results()} == {("failed", reason)}
    assert request.progress().failed == 2
    assert driver.calls("submit") == 3
    states = driver.rows("SELECT state, error, slot FROM job")
    assert set(states) == {("failed", reason, None)}


def test_the_vendors_reason_is_known_although_the_list_does_not_tell_it(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job", times=2, error_message="out of luck")
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.advance(LONG)
    again(driver)
    for job_id in jobs:
        assert driver.job(job_id).error == "the vendor failed the job: out of luck"


def test_what_failed_waits_before_it_is_packed_again(driver: Driver) -> None:
    driver = driver.another(backoff_base=60, backoff_max=60)
    driver.sandbox.fault("submit", "fail_job")
    driver.accepted(2)
    driver.sandbox.advance(LONG)
    again(driver)
    assert pack(driver.context) == []
    assert 25 < driver.value("SELECT extract(epoch FROM min(due_at) - now()) FROM enrichment") <= 60


def test_what_nobody_wants_any_more_is_not_tried_again(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job")
    cancelled, wanted = driver.enqueue(3), driver.enqueue(1)
    driver.run(*pack(driver.context))
    cancelled.cancel()
    driver.drain()
    assert driver.states() == {"cancelled": 2, "fulfilled": 1}
    assert [job["identifier_count"] for job in driver.sent()] == [3, 1]
    assert wanted.progress().fulfilled == 1


def test_a_question_without_an_answer_is_asked_again_later_and_later(driver: Driver) -> None:
    driver = driver.another(backoff_base=10, backoff_max=60)
    job_id = driver.accepted(2)
    driver.sandbox.fault("status", "status", status=502, times=3)
    for least, most in ((5, 10), (10, 20), (20, 40)):
        again(driver)
        assert least - 1 < driver.job(job_id).wait <= most
    assert (driver.job(job_id).state, driver.job(job_id).failures) == ("pending", 3)
    assert "The vendor answered 502" in driver.job(job_id).error
    again(driver)
    assert (driver.job(job_id).failures, driver.job(job_id).error) == (0, None)


def test_a_vendor_that_does_not_answer_is_not_asked_about_each_job(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2, 3)]
    for route in ("list", "status"):
        driver.sandbox.fault(route, "reset_before", times=None)
    again(driver)
    assert (driver.calls("list"), driver.calls("status")) == (1, 1)
    assert [driver.job(job_id).failures for job_id in jobs] == [1, 1, 1]


def test_a_rate_limit_is_no_failure_and_is_waited_out(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.fault("status", "status", status=429, headers={"retry-after": "9"})
    again(driver)
    assert (driver.job(job_id).state, driver.job(job_id).failures) == ("pending", 0)
    assert 8 < driver.job(job_id).wait <= 9


def test_a_job_that_the_vendor_no_longer_knows_fails_when_it_has_said_so_often(
    driver: Driver,
) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.fault("status", "status", status=404, times=None)
    again(driver, times=UNKNOWN_LIMIT - 1)
    assert driver.job(job_id).state == "pending"
    assert again(driver) == [Wake("sweep")]
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("failed", None)
    assert job.error == f"the vendor does not know the job {job.batch_id} any more"
    assert driver.states() == {"failed": 2}, "it may have been paid for: nothing is bought again"
    assert driver.held() == set()


def test_a_404_after_other_troubles_is_not_believed_at_once(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.fault("status", "status", status=502, times=UNKNOWN_LIMIT)
    driver.sandbox.fault("status", "status", status=404, times=UNKNOWN_LIMIT - 1)
    again(driver, times=2 * UNKNOWN_LIMIT - 1)
    assert driver.job(job_id).state == "pending"
    driver.drain()
    assert driver.states() == {"fulfilled": 2}


def test_a_refused_key_pauses_the_account_and_loses_no_job(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.hasten()
    poll(driver.another(vendor_api_key="wrong").context)
    assert "The API key is missing or not valid" in (driver.paused() or "")
    assert driver.job(job_id).state == "pending"
    driver.drain()  # what is at the vendor goes on although nothing new is submitted
    assert driver.states() == {"fulfilled": 2}


def test_doubled_polls_ask_once(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.advance(LONG)
    driver.hasten()
    pollers = [driver.another() for _ in range(3)]
    start = threading.Barrier(len(pollers))

    def work(poller: Driver) -> list[Wake]:
        start.wait()
        return poll(poller.context)

    with ThreadPoolExecutor(len(pollers)) as pool:
        wakes = [wake for found in pool.map(work, pollers) for wake in found]
    assert sorted(wake.job_id for wake in wakes if wake.job_id) == sorted(jobs)
    ends = "SELECT job_id FROM job_event WHERE to_state = 'completed' ORDER BY job_id"
    assert [row.job_id for row in driver.rows(ends)] == sorted(jobs)


def test_a_poller_that_dies_leaves_its_jobs_to_the_next(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.advance(LONG)
    driver.hasten()
    with pytest.raises(FaultPointError), armed("before poll.completed"):
        poll(driver.context)
    assert 50 < driver.job(job_id).wait <= 60
    again(driver)
    assert driver.job(job_id).state == "completed"


# When to ask again


def test_the_first_question_comes_near_the_end_that_is_expected(driver: Driver) -> None:
    driver = driver.another(poll_min=1, poll_max=100)
    first = driver.accepted(10)
    assert 0 < driver.job(first).wait <= 1, "nothing is known yet"
    driver.execute("UPDATE job SET accepted_at = now() - interval '40 s', due_at = now()")
    driver.sandbox.advance(LONG)
    poll(driver.context)
    assert 34 < driver.job(driver.accepted(12, first=100)).wait <= 37
    much_larger = driver.accepted(30, first=200)
    assert driver.job(much_larger).wait <= 1, "of that size nothing is known"


@given(
    age=st.floats(0, 1e6),
    expected=st.none() | st.floats(0, 1e6),
    bounds=st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e4)).map(sorted),
)
def test_the_wait_is_within_its_bounds_and_never_beyond_the_expected_end(
    age: float, expected: float | None, bounds: list[float]
) -> None:
    settings = Settings(poll_min=bounds[0], poll_max=bounds[1])
    wait = next_poll(settings, age, expected)
    assert timedelta(seconds=bounds[0]) <= wait <= timedelta(seconds=bounds[1])
    if expected is not None and expected - age > bounds[0]:
        assert wait < timedelta(seconds=expected - age)
