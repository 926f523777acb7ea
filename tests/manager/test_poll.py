"""Poll: how the jobs are; few questions, and none too often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import Settings
from manager.context import Wake
from manager.faultpoint import FaultPointError
from manager.pack import pack
from manager.poll import UNKNOWN_LIMIT, poll
from manager.schedule import next_poll
from tests.manager.daemon import LONG, Daemon, armed

pytestmark = pytest.mark.integration


def again(daemon: Daemon, times: int = 1) -> list[Wake]:
    """Poll that many times, whenever it is due; the last wake-ups."""
    wakes: list[Wake] = []
    for _ in range(times):
        daemon.hasten()
        wakes = poll(daemon.context)
    return wakes


def test_a_job_that_is_not_due_is_not_asked_about(daemon: Daemon) -> None:
    daemon.accepted(2)
    daemon.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert poll(daemon.context) == []
    assert daemon.calls("status") == daemon.calls("list") == 0


def test_a_jobs_state_follows_the_vendors(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    again(daemon)
    assert daemon.job(job_id).state == "pending"
    daemon.sandbox.advance(5)
    again(daemon)
    job = daemon.job(job_id)
    assert (job.state, job.why) == ("processing", "the vendor works on it")
    assert job.processing_at is not None
    daemon.sandbox.advance(LONG)
    assert again(daemon) == [Wake("merge", job_id), Wake("sweep")]
    job = daemon.job(job_id)
    assert (job.state, job.slot, job.result_count, job.entities_fulfilled) == (
        "completed",
        None,
        2,
        2,
    )
    moves = "SELECT to_state FROM job_event WHERE job_id = %(id)s ORDER BY id"
    assert [row.to_state for row in daemon.rows(moves, id=job_id)] == [
        "packed",
        "submitting",
        "pending",
        "processing",
        "completed",
    ]


def test_a_completed_jobs_slot_is_free_before_its_results_are_merged(daemon: Daemon) -> None:
    daemon.completed(2)
    assert daemon.held() == set()
    assert daemon.job(daemon.accepted(2, first=10)).slot == 1


def test_one_job_is_asked_about_by_itself_and_several_by_one_list_call(daemon: Daemon) -> None:
    jobs = [daemon.accepted(1)]
    again(daemon)
    assert (daemon.calls("status"), daemon.calls("list")) == (1, 0)
    jobs += [daemon.accepted(size, first=10 * size) for size in (2, 3, 4)]
    daemon.sandbox.advance(LONG)
    wakes = again(daemon)
    assert (daemon.calls("status"), daemon.calls("list")) == (1, 1)
    assert {wake.job_id for wake in wakes if wake.step == "merge"} == set(jobs)
    assert {daemon.job(job_id).state for job_id in jobs} == {"completed"}


def test_what_the_list_does_not_show_is_asked_about_by_itself(daemon: Daemon) -> None:
    jobs = [daemon.accepted(size, first=10 * size) for size in (1, 2)]
    daemon.sandbox.set(list_lag_seconds=1_000)
    daemon.sandbox.advance(LONG)
    again(daemon)
    assert (daemon.calls("status"), daemon.calls("list")) == (2, 1)
    assert {daemon.job(job_id).state for job_id in jobs} == {"completed"}


def test_a_list_that_cannot_be_read_is_made_up_for(daemon: Daemon) -> None:
    jobs = [daemon.accepted(size, first=10 * size) for size in (1, 2)]
    daemon.sandbox.fault("list", "status", status=500)
    daemon.sandbox.advance(LONG)
    again(daemon)
    assert {daemon.job(job_id).state for job_id in jobs} == {"completed"}


def test_a_failed_jobs_enrichments_wait_for_another_until_they_have_failed_too_often(
    daemon: Daemon,
) -> None:
    daemon.sandbox.fault("submit", "fail_job", times=3, error_message="out of luck")
    request = daemon.enqueue(2)
    for attempt in (1, 2):
        daemon.hasten()
        daemon.run(*pack(daemon.context))
        daemon.sandbox.advance(LONG)
        assert again(daemon) == [Wake("sweep")]
        assert daemon.held() == set()
        assert daemon.states() == {"pending": 2}
        assert daemon.value("SELECT min(attempts) FROM enrichment") == attempt
    daemon.drain()
    reason = "the vendor failed the job: out of luck"
    assert {(result.outcome, result.reason) for result in request.results()} == {("failed", reason)}
    assert request.progress().failed == 2
    assert daemon.calls("submit") == 3
    states = daemon.rows("SELECT state, error, slot FROM job")
    assert set(states) == {("failed", reason, None)}


def test_the_vendors_reason_is_known_although_the_list_does_not_tell_it(daemon: Daemon) -> None:
    daemon.sandbox.fault("submit", "fail_job", times=2, error_message="out of luck")
    jobs = [daemon.accepted(size, first=10 * size) for size in (1, 2)]
    daemon.sandbox.advance(LONG)
    again(daemon)
    for job_id in jobs:
        assert daemon.job(job_id).error == "the vendor failed the job: out of luck"


def test_what_failed_waits_before_it_is_packed_again(daemon: Daemon) -> None:
    daemon = daemon.another(backoff_base=60, backoff_max=60)
    daemon.sandbox.fault("submit", "fail_job")
    daemon.accepted(2)
    daemon.sandbox.advance(LONG)
    again(daemon)
    assert pack(daemon.context) == []
    assert 25 < daemon.value("SELECT extract(epoch FROM min(due_at) - now()) FROM enrichment") <= 60


def test_what_nobody_wants_any_more_is_not_tried_again(daemon: Daemon) -> None:
    daemon.sandbox.fault("submit", "fail_job")
    cancelled, wanted = daemon.enqueue(3), daemon.enqueue(1)
    daemon.run(*pack(daemon.context))
    cancelled.cancel()
    daemon.drain()
    assert daemon.states() == {"cancelled": 2, "fulfilled": 1}
    assert [job["identifier_count"] for job in daemon.sent()] == [3, 1]
    assert wanted.progress().fulfilled == 1


def test_a_question_without_an_answer_is_asked_again_later_and_later(daemon: Daemon) -> None:
    daemon = daemon.another(backoff_base=10, backoff_max=60)
    job_id = daemon.accepted(2)
    daemon.sandbox.fault("status", "status", status=502, times=3)
    for least, most in ((5, 10), (10, 20), (20, 40)):
        again(daemon)
        assert least - 1 < daemon.job(job_id).wait <= most
    assert (daemon.job(job_id).state, daemon.job(job_id).failures) == ("pending", 3)
    assert "The vendor answered 502" in daemon.job(job_id).error
    again(daemon)
    assert (daemon.job(job_id).failures, daemon.job(job_id).error) == (0, None)


def test_a_vendor_that_does_not_answer_is_not_asked_about_each_job(daemon: Daemon) -> None:
    jobs = [daemon.accepted(size, first=10 * size) for size in (1, 2, 3)]
    for route in ("list", "status"):
        daemon.sandbox.fault(route, "reset_before", times=None)
    again(daemon)
    assert (daemon.calls("list"), daemon.calls("status")) == (1, 1)
    assert [daemon.job(job_id).failures for job_id in jobs] == [1, 1, 1]


def test_a_rate_limit_is_no_failure_and_is_waited_out(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.sandbox.fault("status", "status", status=429, headers={"retry-after": "9"})
    again(daemon)
    assert (daemon.job(job_id).state, daemon.job(job_id).failures) == ("pending", 0)
    assert 8 < daemon.job(job_id).wait <= 9


def test_a_job_that_the_vendor_no_longer_knows_fails_when_it_has_said_so_often(
    daemon: Daemon,
) -> None:
    job_id = daemon.accepted(2)
    daemon.sandbox.fault("status", "status", status=404, times=None)
    again(daemon, times=UNKNOWN_LIMIT - 1)
    assert daemon.job(job_id).state == "pending"
    assert again(daemon) == [Wake("sweep")]
    job = daemon.job(job_id)
    assert (job.state, job.slot) == ("failed", None)
    assert job.error == f"the vendor does not know the job {job.batch_id} any more"
    assert daemon.states() == {"failed": 2}, "it may have been paid for: nothing is bought again"
    assert daemon.held() == set()


def test_a_404_after_other_troubles_is_not_believed_at_once(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.sandbox.fault("status", "status", status=502, times=UNKNOWN_LIMIT)
    daemon.sandbox.fault("status", "status", status=404, times=UNKNOWN_LIMIT - 1)
    again(daemon, times=2 * UNKNOWN_LIMIT - 1)
    assert daemon.job(job_id).state == "pending"
    daemon.drain()
    assert daemon.states() == {"fulfilled": 2}


def test_a_refused_key_pauses_the_account_and_loses_no_job(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.hasten()
    poll(daemon.another(vendor_api_key="wrong").context)
    assert "The API key is missing or not valid" in (daemon.paused() or "")
    assert daemon.job(job_id).state == "pending"
    daemon.drain()  # what is at the vendor goes on although nothing new is submitted
    assert daemon.states() == {"fulfilled": 2}


def test_doubled_polls_ask_once(daemon: Daemon) -> None:
    jobs = [daemon.accepted(size, first=10 * size) for size in (1, 2)]
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    pollers = [daemon.another() for _ in range(3)]
    start = threading.Barrier(len(pollers))

    def work(poller: Daemon) -> list[Wake]:
        start.wait()
        return poll(poller.context)

    with ThreadPoolExecutor(len(pollers)) as pool:
        wakes = [wake for found in pool.map(work, pollers) for wake in found]
    assert sorted(wake.job_id for wake in wakes if wake.job_id) == sorted(jobs)
    ends = "SELECT job_id FROM job_event WHERE to_state = 'completed' ORDER BY job_id"
    assert [row.job_id for row in daemon.rows(ends)] == sorted(jobs)


def test_a_poller_that_dies_leaves_its_jobs_to_the_next(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    with pytest.raises(FaultPointError), armed("before poll.completed"):
        poll(daemon.context)
    assert 50 < daemon.job(job_id).wait <= 60
    again(daemon)
    assert daemon.job(job_id).state == "completed"


# When to ask again


def test_the_first_question_comes_near_the_end_that_is_expected(daemon: Daemon) -> None:
    daemon = daemon.another(poll_min=1, poll_max=100)
    first = daemon.accepted(10)
    assert 0 < daemon.job(first).wait <= 1, "nothing is known yet"
    daemon.execute("UPDATE job SET accepted_at = now() - interval '40 s', due_at = now()")
    daemon.sandbox.advance(LONG)
    poll(daemon.context)
    assert 34 < daemon.job(daemon.accepted(12, first=100)).wait <= 37
    much_larger = daemon.accepted(30, first=200)
    assert daemon.job(much_larger).wait <= 1, "of that size nothing is known"


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
