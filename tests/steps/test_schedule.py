"""Schedule: when the list is asked next; a pure function, and a simulation of it."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from manager.steps.schedule import IDLE_WEIGHT, Running, next_look, spacing

LEAST, MOST = 1.0, 60.0

seconds = st.floats(0.5, 3600)
jobs = st.builds(
    lambda age, part, past: Running("ours", age, age * part, past),
    st.floats(0, 3600),
    st.floats(0, 1),
    st.lists(seconds, max_size=20),
)
intervals = st.floats(0.5, 60)
weights = st.floats(0.05, 1)


def fresh(*past: float, age: float = 0.0) -> Running:
    """A job of that age that was seen at work a moment ago; those like it took so long."""
    return Running("ours", age, 0.0, list(past))


@given(
    running=st.lists(jobs, max_size=5),
    interval=intervals,
    weight=weights,
    bounds=st.tuples(st.floats(0.01, 1e3), st.floats(0.01, 1e3)).map(sorted),
)
def test_it_is_within_its_bounds(
    running: list[Running], interval: float, weight: float, bounds: list[float]
) -> None:
    least, most = bounds
    assert least <= next_look(running, interval, weight, least, most) <= most


@given(job=jobs, interval=intervals, lighter=weights, heavier=weights)
def test_it_is_no_later_when_work_waits(
    job: Running, interval: float, lighter: float, heavier: float
) -> None:
    lighter, heavier = sorted((lighter, heavier))
    soon = next_look([job], interval, heavier, LEAST, MOST)
    assert soon <= next_look([job], interval, lighter, LEAST, MOST)


def test_it_is_sooner_when_work_waits() -> None:
    job = fresh(20, 30, 40, age=15)
    assert next_look([job], 4, 1, LEAST, MOST) < next_look([job], 4, 0.15, LEAST, MOST)


def test_it_is_sooner_when_more_jobs_run_whose_ends_are_spread() -> None:
    """Five jobs of 20 to 60 s, at different ages: there is always one that may have ended."""
    past = [20.0 + 2 * number for number in range(20)]
    ages = (5.0, 15.0, 25.0, 35.0, 45.0)
    alone = fmean(next_look([fresh(*past, age=age)], 4, 1, LEAST, MOST) for age in ages)
    together = next_look([fresh(*past, age=age) for age in ages], 4, 1, LEAST, MOST)
    assert together < alone


@given(job=jobs, weight=weights, shorter=intervals, factor=st.floats(1.5, 4))
def test_it_is_later_when_calls_are_dearer(
    job: Running, weight: float, shorter: float, factor: float
) -> None:
    # up to one step of the search, which is a part of the interval
    dear = next_look([job], shorter * factor, weight, LEAST, MOST)
    cheap = next_look([job], shorter, weight, LEAST, MOST)
    assert dear >= min(cheap * 0.8, MOST)


def test_while_no_job_like_it_can_have_ended_it_is_left_in_peace() -> None:
    """Though not for ever: this one may be another."""
    for past in (30.0, 60.0, 300.0):
        early = next_look([fresh(*[past] * 20)], 4, 1, LEAST, most=3600)
        late = next_look([fresh(*[past] * 20, age=0.98 * past)], 4, 1, LEAST, most=3600)
        assert early > 6 * 4, "not every call that is allowed is made"
        assert early > 10 * late


def test_near_its_end_it_is_looked_for_within_moments() -> None:
    wait = next_look([fresh(*[300.0] * 20, age=299)], 4, 1, LEAST, most=3600)
    assert wait < 15


def test_what_has_been_unseen_past_its_end_is_looked_for_at_once() -> None:
    overdue = Running("ours", age=120, unseen=100, seconds=[60.0] * 20)
    assert next_look([overdue], 4, 1, LEAST, MOST) == LEAST


def test_of_what_nothing_is_known_it_is_looked_for_from_the_beginning() -> None:
    for age in (0.0, 60.0, 600.0, 3600.0):
        assert LEAST < next_look([fresh(age=age)], 4, 1, LEAST, MOST) < 10


@given(running=st.lists(jobs, min_size=1, max_size=5), interval=intervals, weight=weights)
def test_what_was_seen_a_moment_ago_is_not_looked_at_sooner_than_what_was_not(
    running: list[Running], interval: float, weight: float
) -> None:
    seen = [replace(job, unseen=0.0) for job in running]
    later = next_look(seen, interval, weight, LEAST, MOST)
    assert later >= next_look(running, interval, weight, LEAST, MOST) * 0.8 - 1


class Simulation:
    """Five slots and 60 jobs, each of whose ends a look finds; with so many calls a minute."""

    def __init__(self, seed: int, shortest: float, longest: float, calls: int) -> None:
        drawn = random.Random(seed)
        self._calls = calls
        self._left = [drawn.uniform(shortest, longest) for _ in range(60)]
        self._past: list[float] = []
        self._active: list[tuple[float, float]] = []
        self.looks: list[float] = []
        self.delays: list[float] = []
        now = 0.0
        while self._left or self._active:
            self._submit(now)
            now = self._next(now)
            self._look(now)

    @property
    def delay(self) -> float:
        """Seconds between an end and the look that finds it, in the mean."""
        return fmean(self.delays)

    @property
    def busiest(self) -> int:
        """The most looks in a minute."""
        return max(sum(at - 59.9 < look <= at for look in self.looks) for at in self.looks)

    def _submit(self, now: float) -> None:
        while self._left and len(self._active) < 5:
            self._active.append((now + self._left.pop(), now))

    def _next(self, now: float) -> float:
        last = self.looks[-1] if self.looks else now
        running = [
            Running("ours", now - begun, now - max(begun, last), self._past[-20:])
            for _, begun in self._active
        ]
        interval = spacing(sum(now - 60 < look for look in self.looks), self._calls)
        weight = 1.0 if self._left else IDLE_WEIGHT
        at = now + next_look(running, interval, weight, LEAST, MOST)
        # the gate grants no more
        return max(at, self.looks[-self._calls] + 60) if len(self.looks) >= self._calls else at

    def _look(self, now: float) -> None:
        self.looks.append(now)
        ended = [job for job in self._active if job[0] <= now]
        self._active = [job for job in self._active if job[0] > now]
        self.delays += [now - end for end, _ in ended]
        self._past += [end - begun for end, begun in ended]


def test_ends_are_found_within_moments_with_15_calls_a_minute() -> None:
    """Jobs of 20 to 60 s, whose ends cannot be foretold well."""
    found = [Simulation(seed, 20, 60, calls=15) for seed in range(5)]
    assert fmean(it.delay for it in found) < 2.8
    assert max(it.busiest for it in found) <= 15


def test_of_longer_jobs_they_are_found_as_soon() -> None:
    found = [Simulation(seed, 120, 300, calls=15) for seed in range(3)]
    assert fmean(it.delay for it in found) < 3.5
    assert max(it.busiest for it in found) <= 15


def test_ends_that_can_be_foretold_are_found_sooner() -> None:
    found = [Simulation(seed, 40, 40.5, calls=15) for seed in range(3)]
    assert fmean(it.delay for it in found) < 1.5
