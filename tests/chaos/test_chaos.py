"""A short run of the harness; the long ones are run by hand: `python -m tests.chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import run
from tests.chaos.schedule import schedule

SEED = 11


def test_a_seed_is_a_schedule_in_which_no_kind_is_left_out() -> None:
    kinds = sorted(FAULTS)
    events = schedule(SEED, 60.0 * len(kinds), kinds, mean_pause=1.0)
    assert events == schedule(SEED, 60.0 * len(kinds), kinds, mean_pause=1.0)
    assert events != schedule(SEED + 1, 60.0 * len(kinds), kinds, mean_pause=1.0)
    assert {event.kind for event in events[: len(kinds)]} == set(kinds)


@pytest.mark.daemon
@pytest.mark.timeout(300)
def test_the_invariants_hold_under_a_short_storm() -> None:
    report = run(SEED, 25.0, daemons=2, mean_pause=0.5)
    assert not report.violations, "\n".join(report.lines())
    assert sum(report.injected.values()) > 30
    assert report.requests > 50
