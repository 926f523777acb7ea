"""Look: one question for the list answers for everything; few questions, and none too often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID

import pytest

from manager.faultpoint import FaultPointError
from manager.ledger.connect import Ledger
from manager.steps.context import Wake
from manager.steps.look import UNKNOWN_PATIENCE, look
from manager.steps.schedule import NOTHING, hint
from tests.steps.driver import LONG, Driver, armed
from tests.steps.patience import until

pytestmark = pytest.mark.integration


def due_look(driver: Driver) -> list[Wake]:
    """A look that is due; the budget of calls is as it is."""
    driver.execute("UPDATE account SET look_at = now()")
    return look(driver.context, driver.account)


def allowed(driver: Driver, calls: int) -> Driver:
    """One that may make so many calls a minute of each route, of which the vendor says nothing."""
    driver.sandbox.set(calls_per_minute=None)
    return driver.another(vendor_calls_per_minute=calls)


def account(driver: Driver) -> Any:
    """The account's row, with the seconds until its next look as `wait`."""
    wait = "extract(epoch FROM look_at - now())::float AS wait"
    sql = f"SELECT *, {wait} FROM account WHERE id = %(id)s"
    [row] = driver.rows(sql, id=driver.account.id)
    return row


def seen(driver: Driver, batch_id: str) -> Any:
    """What the ledger keeps of a job at the vendor."""
    [row] = driver.rows("SELECT * FROM vendor_job WHERE batch_id = %(id)s", id=batch_id)
    return row


def jobs_of(wakes: list[Wake], step: str) -> set[UUID | None]:
    return {wake.job_id for wake in wakes if wake.step == step}


@contextmanager
def looking(driver: Driver) -> Iterator[None]:
    """A look under way, whose answer is held back until the block ends."""
    driver.hasten()
    driver.sandbox.fault("list", "delay", seconds=1)
    thread = threading.Thread(target=look, args=(driver.context, driver.account))
    thread.start()
    try:
        until(lambda: not driver.sandbox.faults())
        yield
    finally:
        driver.sandbox.advance(1)
        thread.join()


# What one look answers for


def test_a_jobs_state_follows_the_vendors(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.look_now()
    assert driver.job(job_id).state == "pending"
    driver.sandbox.advance(5)
    driver.look_now()
    job = driver.job(job_id)
    assert (job.state, job.why) == ("processing", "the vendor works on it")
    assert job.processing_at is not None
    driver.sandbox.advance(LONG)
    assert jobs_of(driver.look_now(), "merge") == {job_id}
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


def test_one_call_answers_for_all_of_them(driver: Driver) -> None:
    """Our jobs move, slots are freed, candidates appear, foreign jobs are counted."""
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2, 3)]
    lost = driver.unresolved(4, "reset_after", first=40)
    driver.sandbox.advance(LONG)
    foreign = driver.sandbox.foreign(identifier_count=7)["batch_id"]
    wakes = driver.look_now()
    assert (driver.calls("list"), driver.calls("status"), driver.calls("download")) == (1, 0, 0)
    assert jobs_of(wakes, "merge") == set(jobs)
    assert jobs_of(wakes, "resolve") == {lost}
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}
    assert driver.held() == {lost}
    assert driver.value("SELECT count(*) FROM vendor_job WHERE whose = 'open'") == 1
    assert seen(driver, foreign).whose == "foreign"
    assert account(driver).foreign_active == 1


def test_a_completed_jobs_slot_is_free_before_its_results_are_merged(driver: Driver) -> None:
    driver.completed(2)
    assert driver.held() == set()
    assert driver.job(driver.accepted(2, first=10)).slot == 1


def test_what_waits_is_submitted_as_soon_as_a_look_has_found_a_slot_free(driver: Driver) -> None:
    driver = driver.another(cap=1)
    driver.accepted(2)
    waiting = driver.packed(3, first=10)
    assert jobs_of(driver.sweep(), "submit") == set()
    driver.sandbox.advance(LONG)
    assert jobs_of(driver.look_now(), "submit") == {waiting}


def test_the_list_is_read_as_far_back_as_our_jobs_go(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manager.vendor.client.MAX_PAGE", 2)
    oldest = driver.completed(2)
    ours = driver.accepted(3, first=10)
    for _ in range(3):
        driver.sandbox.foreign(identifier_count=7)
    driver.look_now()
    assert driver.calls("list") == 1 + 2, "two pages of two: the second one has ours"
    assert seen(driver, driver.job(ours).batch_id).whose == "ours"
    assert driver.job(oldest).state == "completed"


def test_what_has_ended_has_ended_whatever_a_lagging_list_says(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = driver.accepted(2)
    theirs = driver.sandbox.foreign(identifier_count=7, seconds=5)["batch_id"]
    driver.sandbox.advance(5)
    before = driver.account.vendor.list_jobs()
    driver.sandbox.advance(LONG)
    driver.look_now()
    batch_id = driver.job(job_id).batch_id
    monkeypatch.setattr(driver.account.vendor, "list_jobs", lambda **_: before)
    driver.look_now()
    assert [seen(driver, it).stage for it in (batch_id, theirs)] == ["completed", "completed"]
    assert seen(driver, batch_id).result_count == 2
    assert driver.job(job_id).state == "completed"
    assert account(driver).foreign_active == 0


@pytest.mark.parametrize("ahead", [0, 300, -300])
def test_the_vendors_clock_is_learnt_from_its_dates(driver: Driver, ahead: float) -> None:
    driver.clock.ahead = ahead
    driver.unresolved(2, "reset_before")
    driver.look_now()
    assert account(driver).clock_ahead == pytest.approx(ahead, abs=1.5)


@pytest.mark.parametrize("ahead", [0, 300, -300])
def test_the_vendors_clock_is_learnt_from_our_own_jobs(driver: Driver, ahead: float) -> None:
    driver.clock.ahead = ahead
    driver.accepted(2)
    driver.look_now()
    assert account(driver).clock_ahead == pytest.approx(ahead, abs=1.5)


def test_how_long_the_list_lags_is_learnt(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.age(job_id, 25)
    driver.look_now()
    assert account(driver).list_lag == pytest.approx(25, abs=2)
    driver.execute("UPDATE account SET list_lag = NULL")
    driver.look_now()
    assert account(driver).list_lag == pytest.approx(25, abs=2), "of when it was first seen"


# Who looks, and when


def test_a_look_that_is_not_due_is_none(driver: Driver) -> None:
    driver.accepted(2)
    driver.execute("UPDATE account SET look_at = now() + interval '1 minute'")
    assert look(driver.context, driver.account) == []
    assert driver.calls("list") == 0


def test_looks_at_once_are_one(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.advance(LONG)
    others = [driver.another() for _ in range(3)]
    driver.hasten()
    start = threading.Barrier(len(others))

    def work(other: Driver) -> list[Wake]:
        start.wait()
        return look(other.context, other.account)

    with ThreadPoolExecutor(len(others)) as pool:
        wakes = [wake for found in pool.map(work, others) for wake in found]
    assert driver.calls("list") == 1
    assert sorted(wake.job_id for wake in wakes if wake.job_id) == sorted(jobs)
    ends = "SELECT job_id FROM job_event WHERE to_state = 'completed' ORDER BY job_id"
    assert [row.job_id for row in driver.rows(ends)] == sorted(jobs)


def test_a_look_is_made_by_one_process(driver: Driver) -> None:
    driver.accepted(2)
    other = driver.another()
    with looking(driver):
        assert look(other.context, other.account) == [], "it is left to the one that looks"
    assert driver.calls("list") == 1
    assert account(driver).wait > 0


def test_a_hint_that_comes_during_a_look_makes_another_one_follow(driver: Driver) -> None:
    driver.accepted(2)
    other = driver.another()
    with looking(driver), other.context.ledger.connect() as connection:
        hint(connection, other.account.id)
    assert account(driver).wait <= 0
    assert look(other.context, other.account) != []


def test_one_that_dies_leaves_its_look_to_the_next(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.advance(LONG)
    driver.hasten()
    with pytest.raises(FaultPointError), armed("before look.commit"):
        look(driver.context, driver.account)
    assert driver.job(job_id).state == "pending"
    look(driver.context, driver.account)
    assert driver.job(job_id).state == "completed"


def test_an_account_with_nothing_at_the_vendor_is_left_in_peace(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    wakes = driver.look_now()
    assert wakes[-1].step == "look"
    assert wakes[-1].delay == pytest.approx(NOTHING, abs=2)
    assert Wake("look", driver.account.name) not in driver.sweep()


def test_an_acceptance_plans_the_look_for_its_end(driver: Driver) -> None:
    driver.execute("UPDATE account SET look_at = now() + interval '1 hour'")
    [wake] = driver.submit(driver.packed(2))
    assert wake.step == "look"
    assert 0 < wake.delay <= driver.context.settings.look_max
    assert account(driver).wait == pytest.approx(wake.delay, abs=0.5)


# When it is not its turn


def test_a_look_frees_its_lock_itself(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may take its time to notice that a session has ended: the next would be none."""
    with driver.context.ledger.connect() as connection:
        monkeypatch.setattr(Ledger, "connect", lambda _: nullcontext(connection))
        due_look(driver)
        assert driver.calls("list") == 1
        monkeypatch.undo()
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %(pid)s"
        assert driver.value(held, pid=connection.info.backend_pid) == 0


def test_a_look_that_waits_for_its_turn_has_not_failed(driver: Driver) -> None:
    job_id = driver.accepted(2)
    slow = allowed(driver, 1)
    due_look(slow)
    waits = []
    for _ in range(4):
        due_look(slow)
        row = account(driver)
        assert (row.look_failures, row.look_error) == (0, None)
        assert row.look_waits_for.startswith("waits for its turn until ")
        waits.append(row.wait)
    assert all(0 < wait <= 61 for wait in waits), "and it does not double"
    assert max(waits) - min(waits) < 5
    assert driver.calls("list") == 1
    assert (driver.job(job_id).failures, driver.job(job_id).error) == (0, None)
    driver.look_now()
    assert account(driver).look_waits_for is None


def test_a_rate_limit_is_no_failure_and_is_waited_out(driver: Driver) -> None:
    driver.accepted(2)
    driver.sandbox.fault("list", "status", status=429, headers={"retry-after": "9"})
    driver.look_now()
    row = account(driver)
    assert (row.look_failures, row.look_error) == (0, None)
    assert "429" in row.look_waits_for
    assert 8 < row.wait <= 9.5


def test_jobs_are_asked_about_within_the_budget(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2, 3)]
    for job_id in jobs:
        driver.age(job_id, LONG)
    driver.sandbox.set(list_lag_seconds=1_000)
    slow = allowed(driver, 2)
    for _ in range(3):
        due_look(slow)
        assert driver.calls("status") <= 2
    assert driver.calls("status") > 0
    assert [driver.job(job_id).failures for job_id in jobs] == [0, 0, 0]


# When the list does not tell


def test_what_the_list_does_not_show_is_asked_about_by_itself(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2)]
    driver.sandbox.set(list_lag_seconds=1_000)
    driver.sandbox.advance(LONG)
    driver.look_now()
    assert driver.calls("status") == 0, "the list may lag behind"
    for job_id in jobs:
        driver.age(job_id, LONG)
    driver.look_now()
    assert driver.calls("status") == 2
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}
    assert driver.held() == set()


def test_while_the_list_fails_jobs_are_asked_about_one_by_one_a_few_at_a_time(
    driver: Driver,
) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in range(1, 6)]
    for job_id in jobs:
        driver.age(job_id, LONG)
    driver.sandbox.fault("list", "status", status=500, times=None)
    driver.sandbox.advance(LONG)
    wakes = driver.look_now()
    assert driver.calls("status") == 3
    assert len(jobs_of(wakes, "merge")) == 3
    assert len(driver.held()) == 2
    driver.look_now()
    assert {driver.job(job_id).state for job_id in jobs} == {"completed"}
    assert driver.calls("status") == 5


def test_looks_that_fail_come_later_and_later(driver: Driver) -> None:
    driver = driver.another(backoff_base=10, backoff_max=60)
    driver.accepted(2)
    driver.sandbox.fault("list", "status", status=502, times=3)
    for failures, least, most in ((1, 5, 10), (2, 10, 20), (3, 20, 40)):
        driver.look_now()
        row = account(driver)
        assert row.look_failures == failures
        assert least - 1 < row.wait <= most
        assert "The vendor answered 502" in row.look_error
    driver.look_now()
    row = account(driver)
    assert (row.look_failures, row.look_error, row.look_waits_for) == (0, None, None)


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [("status", {"status": 500}), ("reset_before", {}), ("garbage", {}), ("html", {})],
)
def test_a_list_that_cannot_be_read_changes_nothing(
    driver: Driver, fault: str, arguments: dict[str, Any]
) -> None:
    job_id = driver.accepted(2)
    driver.sandbox.foreign(seconds=30)
    driver.look_now()
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("list", fault, **arguments)
    driver.look_now()
    assert account(driver).foreign_active == 1
    assert driver.job(job_id).state == "pending"


def test_a_vendor_that_does_not_answer_is_not_asked_about_each_job(driver: Driver) -> None:
    jobs = [driver.accepted(size, first=10 * size) for size in (1, 2, 3)]
    for job_id in jobs:
        driver.age(job_id, LONG)
    for route in ("list", "status"):
        driver.sandbox.fault(route, "reset_before", times=None)
    driver.look_now()
    assert (driver.calls("list"), driver.calls("status")) == (1, 1)
    assert {driver.job(job_id).state for job_id in jobs} == {"pending"}


def test_a_question_about_a_job_without_an_answer_is_asked_later_and_later(
    driver: Driver,
) -> None:
    driver = driver.another(backoff_base=10, backoff_max=60)
    job_id = driver.accepted(2)
    driver.age(job_id, LONG)
    driver.sandbox.set(list_lag_seconds=1_000)
    driver.sandbox.fault("status", "status", status=502, times=3)
    for least, most in ((5, 10), (10, 20), (20, 40)):
        driver.look_now()
        assert least - 1 < driver.job(job_id).wait <= most
    assert (driver.job(job_id).state, driver.job(job_id).failures) == ("pending", 3)
    assert "The vendor answered 502" in driver.job(job_id).error
    driver.look_now()
    assert (driver.job(job_id).failures, driver.job(job_id).error) == (0, None)


# What the vendor does not know any more


def unknown(driver: Driver, size: int = 2, silent: float = UNKNOWN_PATIENCE) -> UUID:
    """A job that neither the list shows nor the vendor knows."""
    job_id = driver.accepted(size)
    driver.age(job_id, silent)
    driver.sandbox.set(list_lag_seconds=1_000)
    driver.sandbox.fault("status", "status", status=404, times=None)
    return job_id


def test_a_job_that_the_vendor_no_longer_knows_fails_when_it_has_said_so_often(
    driver: Driver,
) -> None:
    job_id = unknown(driver)
    for _ in range(4):
        driver.look_now()
        assert driver.job(job_id).state == "pending"
    driver.look_now()
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("failed", None)
    assert job.error == f"the vendor does not know the job {job.batch_id} any more"
    assert driver.states() == {"failed": 2}, "it may have been paid for: nothing is bought again"
    assert driver.held() == set()


def test_404s_to_a_job_that_there_was_a_sign_of_lately_are_not_believed(driver: Driver) -> None:
    """A gateway in trouble says so, too."""
    job_id = unknown(driver, silent=UNKNOWN_PATIENCE / 2)
    for _ in range(7):
        driver.look_now()
    assert driver.job(job_id).looks == 7
    assert driver.job(job_id).state == "pending"


def test_a_404_after_other_troubles_is_not_believed_at_once(driver: Driver) -> None:
    driver.sandbox.fault("status", "status", status=502, times=5)
    job_id = unknown(driver)
    for _ in range(9):
        driver.look_now()
    assert driver.job(job_id).state == "pending"
    driver.sandbox.clear_faults()
    driver.drain()
    assert driver.states() == {"fulfilled": 2}


def test_404s_with_an_answer_between_them_are_not_counted_together(driver: Driver) -> None:
    job_id = unknown(driver)
    for _ in range(4):
        driver.look_now()
    driver.sandbox.clear_faults()
    driver.look_now()
    assert driver.job(job_id).looks == 0
    driver.sandbox.fault("status", "status", status=404, times=4)
    for _ in range(4):
        driver.look_now()
    assert driver.job(job_id).state in ("pending", "processing")


# A refused key


def test_a_refused_key_pauses_the_account_and_loses_no_job(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.hasten()
    wrong = driver.another(vendor_api_key="wrong")
    look(wrong.context, wrong.account)
    assert "The API key is missing or not valid" in (driver.paused() or "")
    assert driver.job(job_id).state == "pending"
    driver.drain()  # what is at the vendor goes on although nothing new is submitted
    assert driver.states() == {"fulfilled": 2}


# What the vendor failed


def test_a_failed_jobs_enrichments_wait_for_another_until_they_have_failed_too_often(
    driver: Driver,
) -> None:
    driver.sandbox.fault("submit", "fail_job", times=3, error_message="out of luck")
    request = driver.enqueue(2)
    for attempt in (1, 2):
        driver.hasten()
        driver.run(*driver.pack())
        driver.sandbox.advance(LONG)
        driver.run(*(it for it in driver.look_now() if it.step == "merge"))
        assert driver.held() == set()
        assert driver.value("SELECT min(attempts) FROM enrichment") == attempt
    driver.drain()
    reason = "the vendor ended the job as failed: out of luck"
    assert {(result.outcome, result.reason) for result in request.results()} == {("failed", reason)}
    assert request.progress().failed == 2
    assert driver.calls("submit") == 3
    states = driver.rows("SELECT state, error, slot FROM job")
    assert set(states) == {("failed", reason, None)}


def test_what_failed_waits_before_it_is_packed_again(driver: Driver) -> None:
    driver = driver.another(backoff_base=60, backoff_max=60)
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.accepted(2)
    driver.sandbox.advance(LONG)
    driver.look_now()
    driver.merge(job_id)
    assert driver.states() == {"pending": 2}
    assert driver.pack() == []
    assert 25 < driver.value("SELECT extract(epoch FROM min(due_at) - now()) FROM enrichment") <= 60


def test_what_nobody_wants_any_more_is_not_tried_again(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job")
    cancelled, wanted = driver.enqueue(3), driver.enqueue(1)
    driver.run(*driver.pack())
    cancelled.cancel()
    driver.drain()
    assert driver.states() == {"cancelled": 2, "fulfilled": 1}
    assert [job["identifier_count"] for job in driver.sent()] == [3, 1]
    assert wanted.progress().fulfilled == 1
