"""Forecast: when what waits is done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.operator.now.forecast import MOST, Forecast, Work, ends
from manager.operator.now.timeline import remaining

SECONDS = st.floats(0, 1_000)
WORKS = st.lists(
    st.builds(Work, st.lists(SECONDS, max_size=3), st.integers(0, 20), SECONDS, SECONDS, SECONDS),
    max_size=4,
)


def work(jobs: int, seconds: float = 10, running: tuple[float, ...] = (), **more: float) -> Work:
    return Work(running, jobs, seconds, more.get("ready", 0), more.get("merging", 0))


def test_jobs_share_the_slots() -> None:
    assert ends([work(10)], 5, [], 0) == [20]
    assert ends([work(11)], 5, [], 0) == [30]


def test_a_lane_waits_for_those_before_it() -> None:
    assert ends([work(5), work(1)], 5, [], 0) == [10, 20]


def test_slots_that_are_held_come_free_when_their_jobs_end() -> None:
    assert ends([work(1, running=(7,))], 2, [7, 9], 0) == [17]


def test_what_runs_already_needs_no_slot_and_results_are_merged_at_the_end() -> None:
    assert ends([work(0, running=(3, 8), merging=2)], 0, [3, 8], 0) == [10]


def test_without_a_slot_nobody_can_tell() -> None:
    assert ends([work(1), work(0, running=(4,))], 0, [], 0) == [None, 4]


def test_no_more_is_submitted_than_the_vendors_limit_allows() -> None:
    assert ends([work(4, seconds=1)], 5, [], 30) == [91]


def test_identifiers_that_linger_are_waited_for() -> None:
    assert ends([work(1, ready=8)], 5, [], 0) == [18]


def test_of_thousands_of_jobs_the_rest_goes_on_at_their_pace() -> None:
    [end] = ends([work(10 * MOST)], 5, [], 0)
    assert end == pytest.approx(10 * MOST * 10 / 5, rel=0.01)


@given(WORKS, st.integers(1, 6), SECONDS)
def test_more_slots_end_nothing_later(works: list[Work], slots: int, apart: float) -> None:
    """Nor does it end before the work of a slot alone could be done."""
    fewer, more = ends(works, slots, [], apart), ends(works, slots + 1, [], apart)
    for made, end, sooner in zip(works, fewer, more, strict=True):
        assert end is not None
        assert sooner is not None
        assert sooner <= end + 1e-6
        assert end >= made.jobs * made.seconds / slots - 1e-6


def test_a_job_ends_when_those_like_it_did_and_else_nobody_knows() -> None:
    assert remaining([10, 20, 30], 5) == 15
    assert remaining([10, 20, 30], 15) == 10
    assert remaining([10, 20, 30], 31) is None
    assert remaining([], 1) is None


def test_it_says_when_or_why_that_is_not_known() -> None:
    at = datetime(2026, 11, 26, 14, 20, 31, tzinfo=UTC)
    assert str(Forecast(at, 3)) == "done at about 14:20 UTC"
    assert str(Forecast(None, 3, "the account is paused")) == "no forecast: the account is paused"
