"""The gate does what a simple model does; no window is too full, no vendor is surprised."""

from __future__ import annotations

import itertools

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from manager.semaphore import Owner, RedisGate
from manager.vendor.calls import Worth
from tests.semaphore.gate_model import GateModel
from tests.semaphore.gates import WINDOW, Clock, tell, wait_of

pytestmark = pytest.mark.integration

BOUNDED = hypothesis.settings(max_examples=40, stateful_step_count=40, deadline=None)
_numbers = itertools.count(1)


class Modelled(RuleBasedStateMachine):
    """A gate beside its model, on a clock of their own."""

    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()

    @initialize(assumed=st.sampled_from([1, 2, 4, 7]))
    def begin(self, assumed: int) -> None:
        owner = Owner("model", next(_numbers))
        self.model = GateModel(assumed, round(WINDOW * 1000), self.clock.now)
        self.gate = RedisGate(self.redis, owner, assumed, window=WINDOW, clock=self.clock)

    @rule(who=st.sampled_from("abcdef"), worth=st.sampled_from(Worth))
    def take(self, who: str, worth: Worth) -> None:
        assert round(wait_of(self.gate, who, worth) * 1000) == self.model.take(who, worth)

    @rule(worth=st.sampled_from(Worth), calls=st.integers(2, 6))
    def take_many(self, worth: Worth, calls: int) -> None:
        for who in "uvwxyz"[:calls]:
            self.take(who, worth)

    @rule(
        limit=st.none() | st.integers(1, 6),
        remaining=st.none() | st.integers(0, 6),
        reset=st.sampled_from([None, 0, 7, 20.5, 60]),
        blocked=st.sampled_from([None, None, 0.5, 30]),
    )
    def be_told(
        self, limit: int | None, remaining: int | None, reset: float | None, blocked: float | None
    ) -> None:
        tell(self.gate, limit, remaining, reset, blocked)
        self.model.answered(limit, remaining, reset, blocked)

    @rule(who=st.sampled_from("abcdefuvw"))
    def give_back(self, who: str) -> None:
        self.gate.give_back("list", who)
        self.model.give_back(who)

    @rule(seconds=st.sampled_from([0.001, 1, 5, 9.999, 15, 31, 60, 400]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
        self.model.pass_time(seconds)

    @rule(data=st.data())
    def let_a_turn_come(self, data: st.DataObject) -> None:
        turns = [it.turn for it in self.model.queue.values() if it.turn > self.model.now]
        if turns:
            turn = data.draw(st.sampled_from(sorted(turns)))
            self.let_time_pass((turn - self.model.now) / 1000)

    @invariant()
    def operators_see_what_the_model_has(self) -> None:
        self.model.tidy()
        seen = self.gate.calls("list")
        expected = (len(self.model.leaving()), self.model.limit(), len(self.model.queue))
        assert (seen.used, seen.allowed, seen.waiting) == expected
        assert (seen.blocked_until is not None) == (self.model.blocked_until > self.model.now)


def test_a_gate_behaves_like_the_model(redis: Redis) -> None:
    connected = redis

    class Model(Modelled):
        redis = connected

    run_state_machine_as_test(Model, settings=BOUNDED)


@given(seconds=st.lists(st.floats(0, 40), min_size=10, max_size=60), limit=st.integers(1, 5))
@hypothesis.settings(max_examples=30, deadline=None)
def test_no_window_ever_has_more_calls_than_the_limit(
    redis: Redis, seconds: list[float], limit: int
) -> None:
    clock = Clock()
    gate = RedisGate(redis, Owner("window", next(_numbers)), limit, window=WINDOW, clock=clock)
    made = []
    for n, pause in enumerate(seconds):
        clock.pass_time(pause)
        while wait_of(gate, str(n % 7), list(Worth)[n % 5]) == 0:
            made.append(clock.now)
    for first, beyond in zip(made, made[limit:], strict=False):
        assert beyond - first >= WINDOW * 1000


class Vendor:
    """A sliding window that counts everybody's calls and says so."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit, self.clock = limit, clock
        self.calls: list[int] = []

    def call(self) -> bool:
        """Count a call unless the window is full."""
        self.calls = [at for at in self.calls if at > self.clock.now - 60_000]
        if len(self.calls) == self.limit:
            return False
        self.calls.append(self.clock.now)
        return True

    def headers(self) -> tuple[int, int, float]:
        reset = -(-(self.calls[0] + 60_000 - self.clock.now) // 1000)
        return self.limit, self.limit - len(self.calls), reset


@given(
    steps=st.lists(
        st.sampled_from(["ours"] * 4 + ["other's"]) | st.integers(1, 40), min_size=20, max_size=80
    ),
    limit=st.integers(1, 6),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_vendor_refuses_only_what_it_could_not_have_told(
    redis: Redis, steps: list[str | int], limit: int
) -> None:
    clock = Clock()
    gate = RedisGate(redis, Owner("other", next(_numbers)), 6, window=WINDOW, clock=clock)
    vendor = Vendor(limit, clock)
    told = False
    for step in steps:
        if isinstance(step, int):
            clock.pass_time(step)
        elif step == "other's":
            vendor.call()
            told = False
        elif wait_of(gate) == 0:
            accepted = vendor.call()
            assert accepted or not told
            tell(gate, *vendor.headers(), blocked=None if accepted else vendor.headers()[2])
            told = True
