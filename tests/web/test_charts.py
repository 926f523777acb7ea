"""Charts: everything stands within them, whatever the times say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from manager.web.console.charts import Bucket, Stay, bars, timeline

NOW = datetime(2026, 11, 26, 14, 0, 5, tzinfo=UTC)
minutes = st.floats(-200, 200)


def stay(since: float, until: float | None = None, expected: float | None = None) -> Stay:
    """A stay between minutes from now."""
    at = [None if it is None else NOW + timedelta(minutes=it) for it in (since, until, expected)]
    return Stay("1", at[0] or NOW, at[1], at[2], "active", "9", "told", None)


@given(minutes, st.none() | minutes, st.none() | minutes)
def test_no_box_leaves_the_chart(since: float, until: float | None, expected: float | None) -> None:
    for box in timeline(["1"], [stay(since, until, expected)], NOW).boxes:
        assert 0 <= box.x <= 100
        assert 0 < box.width <= 100
        assert box.tail >= 0
        assert box.x + box.width + box.tail <= 100.5


def test_what_ended_before_the_hour_and_what_has_no_row_is_left_out() -> None:
    elsewhere = Stay("7", NOW, None, None, "active", "", "", None)
    assert timeline(["1"], [stay(-90, -61), elsewhere], NOW).boxes == []


def test_what_runs_ends_now_and_reaches_to_its_expected_end() -> None:
    chart = timeline(["1"], [stay(-10, None, 6)], NOW)
    [box] = chart.boxes
    assert abs(box.x + box.width - chart.now) < 0.01
    assert box.tail > 7  # six of 72 minutes


def test_it_moves_on_in_steps_so_that_it_is_not_sent_each_second() -> None:
    later = NOW + timedelta(seconds=3)
    assert timeline(["1"], [stay(-10, -5)], NOW) == timeline(["1"], [stay(-10, -5)], later)


@given(st.lists(st.lists(st.integers(0, 10**7), min_size=3, max_size=3), max_size=60))
def test_bars_stand_on_the_ground_and_the_highest_fills_the_chart(counts: list[list[int]]) -> None:
    chart = bars([Bucket(NOW, dict(zip("abc", it, strict=True))) for it in counts])
    tops = [piece.y for piece in chart.pieces]
    assert all(-0.01 <= it <= 100 for it in tops)
    if any(map(sum, counts)):
        assert min(tops) < 0.01
        assert chart.most == max(map(sum, counts))
