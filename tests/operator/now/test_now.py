"""Now: slots, backlog and pace, as a ledger with some history gives them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from manager.operator.now import AccountNow, now
from manager.operator.now.timeline import Gap, Span, gaps
from tests.steps.driver import LONG, Driver

pytestmark = pytest.mark.integration


def only(driver: Driver) -> AccountNow:
    found = now(driver.context, driver.account.name)
    assert not [it for it in found.status.problems if it.code == "postgres-unavailable"]
    [account] = found.accounts
    json.dumps(found.as_dict(), default=str)
    return account


def test_a_stay_in_a_slot_is_remembered_after_its_job_was_merged(driver: Driver) -> None:
    job_id = driver.completed(3, unknown=1)
    [span] = only(driver).timeline.spans
    assert (span.job_id, span.slot, span.size, span.became) == (job_id, 1, 4, "completed")
    assert span.ended is not None
    driver.drain()
    [span] = only(driver).timeline.spans
    assert (span.state, span.became, span.result_count) == ("merged", "completed", 3)


def test_each_attempt_is_a_stay_and_one_that_was_put_back_says_why(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=429)
    job_id = driver.packed(2)
    driver.submit(job_id)
    driver.hasten()
    driver.submit(job_id)
    last, first = only(driver).timeline.spans
    assert (first.became, last.ended) == ("packed", None)
    assert "429" in first.why


def test_the_end_of_what_runs_is_expected_by_those_like_it(driver: Driver) -> None:
    driver.accepted(2)
    [running] = only(driver).timeline.running
    assert (running.expected_end, running.alike) == (None, 0)
    driver.sandbox.advance(LONG)
    driver.look_now()
    driver.execute("UPDATE job SET accepted_at = completed_at - interval '40 s'")
    driver.accepted(2, first=10)
    [running] = only(driver).timeline.running
    assert running.alike == 1
    assert running.expected_end is not None
    left = (running.expected_end - datetime.now(UTC)).total_seconds()
    assert 20 < left <= 40


def test_others_jobs_are_shown_with_the_slots_that_they_take(driver: Driver) -> None:
    driver.sandbox.foreign(identifier_count=7)
    driver.accepted(2)
    driver.look_now()
    line = only(driver).timeline
    assert line.taken_by_others == 1
    [other] = line.others
    assert (other.size, other.whose, other.ended) == (7, "foreign", None)
    driver.sandbox.advance(LONG)
    driver.look_now()
    [other] = only(driver).timeline.others
    assert other.ended is not None


def test_a_backlog_has_an_age_a_size_and_says_that_nobody_knows_when_it_is_done(
    driver: Driver,
) -> None:
    driver.enqueue(3)
    [lane] = only(driver).backlog
    assert (lane.waiting, lane.uncounted, lane.identifiers) == (3, False, 3)
    assert lane.since is not None
    assert str(lane.forecast) == "no forecast: no job like these has ended yet"
    driver.pause()
    [lane] = only(driver).backlog
    assert str(lane.forecast) == "no forecast: the account is paused"


def test_a_backlog_is_done_when_slots_and_the_pace_of_like_jobs_allow(driver: Driver) -> None:
    driver.completed(2)
    driver.execute("UPDATE job SET accepted_at = completed_at - interval '100 s'")
    driver = driver.another(job_size=2)
    driver.enqueue(20, first=100)
    found = only(driver)
    [lane] = found.backlog
    assert (lane.waiting, lane.unmerged, lane.forecast.jobs) == (20, 1, 10)
    assert lane.forecast.done_at is not None
    left = (lane.forecast.done_at - datetime.now(UTC)).total_seconds()
    assert 190 < left < 230
    assert found.done_at == lane.forecast.done_at


def test_while_others_have_all_the_slots_there_is_no_forecast(driver: Driver) -> None:
    driver.completed(2)
    for _ in range(5):
        driver.sandbox.foreign(seconds=30)
    driver.look_now()
    driver.enqueue(2, first=50)
    [lane] = only(driver).backlog
    assert str(lane.forecast) == "no forecast: others' jobs take all the slots"


def test_what_was_got_through_is_told_by_the_minute_and_by_the_hour(driver: Driver) -> None:
    driver.enqueue(3, unknown=1)
    driver.drain()
    found = only(driver)
    assert (len(found.minutes), len(found.hours)) == (61, 25)
    last = [it for it in found.minutes if it.jobs]
    assert [(it.jobs, it.settled, it.found, it.not_found) for it in last] == [(1, 4, 3, 1)]
    assert sum(it.found for it in found.hours) == 3


def test_the_last_moves_are_told_the_latest_first(driver: Driver) -> None:
    job_id = driver.accepted(2)
    moves = now(driver.context).moves
    assert [it.to_state for it in moves] == ["pending", "submitting", "packed"]
    assert {it.job_id for it in moves} == {job_id}
    assert not now(driver.context, "nobody").moves


def test_gaps_are_the_times_between_the_jobs_of_a_slot() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def at(minutes: float) -> datetime:
        return start + timedelta(minutes=minutes)

    def span(slot: int, began: float, ended: float | None) -> Span:
        return Span(
            None, 1, "e", "domains", 1, None, None, "merged", slot, at(began),  # type: ignore[arg-type]
            None if ended is None else at(ended), "completed", "",
        )  # fmt: skip

    spans = [span(1, 10, 20), span(1, 20, 30), span(2, -5, 3), span(2, 8, None)]
    assert gaps(spans, 3, start) == [
        Gap(1, at(0), at(10)),
        Gap(1, at(30), None),
        Gap(2, at(3), at(8)),
        Gap(3, at(0), None),
    ]
