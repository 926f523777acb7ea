"""The vendor's rate limits are kept by all workers together."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from redis import Redis

from manager import Settings
from manager.semaphore import RedisGate, connect
from manager.vendor.errors import RateLimited

pytestmark = pytest.mark.integration

BOUNDED = hypothesis.settings(max_examples=30, stateful_step_count=25, deadline=None)
CALLS_PER_MINUTE = 2
DISTANCE = 60 / CALLS_PER_MINUTE
# Real time passes while a test runs; the times in the tests are far larger.
MOMENT = 5.0
SPAWN = multiprocessing.get_context("spawn")
_accounts = itertools.count(1)


def wait_of(gate: RedisGate, endpoint: str = "list") -> float:
    """Seconds that the gate wants to wait; 0 when the call may be made."""
    try:
        gate.before(endpoint)
    except RateLimited as limited:
        return limited.wait
    return 0.0


def tell(
    gate: RedisGate,
    remaining: int | None = None,
    reset: float | None = None,
    blocked: float | None = None,
    endpoint: str = "list",
) -> None:
    gate.after(endpoint, 15, remaining, reset, blocked)


def let_pass(redis: Redis, account: str, seconds: float, endpoint: str = "list") -> None:
    """Set what the gate has written down back in time."""
    key = f"enrichd:{{{account}}}:rate:{endpoint}"
    for name in ("resets_at", "blocked_until"):
        if redis.hexists(key, name):
            redis.hincrby(key, name, -int(seconds * 1000))


class GateModel(RuleBasedStateMachine):
    """A gate beside a model of the vendor's answers, on a clock of its own."""

    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        self.account = f"gate-{next(_accounts)}"
        self.gate = RedisGate(self.redis, self.account, CALLS_PER_MINUTE)
        self.now = 0.0
        self.remaining = 0
        self.resets_at = self.blocked_until = 0.0

    def expected(self) -> float:
        if self.blocked_until > self.now:
            return self.blocked_until - self.now
        if self.remaining > 0:
            self.remaining -= 1
            return 0.0
        if self.resets_at > self.now:
            return self.resets_at - self.now
        self.resets_at = self.now + DISTANCE
        return 0.0

    @rule()
    def ask(self) -> None:
        wait, expected = wait_of(self.gate), self.expected()
        assert (wait > 0) == (expected > 0)
        assert wait == pytest.approx(expected, abs=MOMENT)

    @rule(remaining=st.integers(0, 4), reset=st.sampled_from([20.0, 40.5, None]))
    def be_told_what_remains(self, remaining: int, reset: float | None) -> None:
        tell(self.gate, remaining, reset)
        self.remaining = remaining
        self.resets_at = self.now + (60.0 if reset is None else reset)

    @rule(seconds=st.sampled_from([30.0, 300.0]))
    def be_told_to_make_no_call(self, seconds: float) -> None:
        tell(self.gate, blocked=seconds)
        self.blocked_until = self.now + seconds

    @rule()
    def be_told_nothing(self) -> None:
        tell(self.gate)

    @rule(seconds=st.sampled_from([10.0, 55.0]))
    def let_time_pass(self, seconds: float) -> None:
        let_pass(self.redis, self.account, seconds)
        self.now += seconds


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with connect(settings) as connected:
        yield connected


@pytest.fixture
def gate(settings: Settings, redis: Redis) -> RedisGate:
    return RedisGate(redis, settings.account, CALLS_PER_MINUTE)


def test_the_gate_behaves_like_the_model(redis: Redis) -> None:
    connected = redis

    class Model(GateModel):
        redis = connected

    run_state_machine_as_test(Model, settings=BOUNDED)


def test_while_nothing_is_known_calls_keep_the_assumed_distance(gate: RedisGate) -> None:
    assert wait_of(gate) == 0
    with pytest.raises(RateLimited, match="the budget of calls to list is used up") as raised:
        gate.before("list")
    assert raised.value.wait == pytest.approx(DISTANCE, abs=MOMENT)
    assert raised.value.status is None, "nothing was sent"


@pytest.mark.parametrize("remaining", [0, 1, 7])
def test_exactly_as_many_calls_are_made_as_the_vendor_said(gate: RedisGate, remaining: int) -> None:
    tell(gate, remaining, reset=50)
    waits = [wait_of(gate) for _ in range(remaining + 2)]
    assert waits[:remaining] == [0] * remaining
    assert waits[remaining:] == [pytest.approx(50, abs=MOMENT)] * 2


def test_when_the_window_has_moved_on_one_call_finds_out_what_remains(
    gate: RedisGate, redis: Redis, settings: Settings
) -> None:
    tell(gate, remaining=0, reset=50)
    let_pass(redis, settings.account, 51)
    assert wait_of(gate) == 0
    assert wait_of(gate) == pytest.approx(DISTANCE, abs=MOMENT), "its answer is not there yet"
    tell(gate, remaining=2, reset=50)
    assert [wait_of(gate), wait_of(gate)] == [0, 0]
    assert wait_of(gate) > 0


def test_what_remained_before_an_idle_time_still_remains_after_it(
    gate: RedisGate, redis: Redis, settings: Settings
) -> None:
    tell(gate, remaining=3, reset=50)
    let_pass(redis, settings.account, 600)
    assert [wait_of(gate) for _ in range(3)] == [0, 0, 0]


def test_a_vendor_that_wants_no_call_gets_none_whatever_remains(
    gate: RedisGate, redis: Redis, settings: Settings
) -> None:
    tell(gate, remaining=9, reset=10, blocked=120)
    assert wait_of(gate) == pytest.approx(120, abs=MOMENT)
    tell(gate, remaining=9, reset=10)  # the answer to an earlier call
    assert wait_of(gate) == pytest.approx(120, abs=MOMENT)
    let_pass(redis, settings.account, 121)
    assert wait_of(gate) == 0


def test_endpoints_and_accounts_have_budgets_of_their_own(gate: RedisGate, redis: Redis) -> None:
    tell(gate, blocked=100)
    assert wait_of(gate, "submit") == 0
    assert wait_of(RedisGate(redis, "another", CALLS_PER_MINUTE)) == 0
    assert wait_of(gate) > 0


def test_a_budget_is_forgotten_in_the_end(
    gate: RedisGate, redis: Redis, settings: Settings
) -> None:
    tell(gate, remaining=1, reset=1)
    assert 0 < int(redis.ttl(f"enrichd:{{{settings.account}}}:rate:list")) <= 3600


def count_calls(settings: Settings, tries: int) -> int:
    with connect(settings) as redis:
        gate = RedisGate(redis, settings.account, CALLS_PER_MINUTE)
        return sum(wait_of(gate) == 0 for _ in range(tries))


def test_many_processes_share_one_budget(gate: RedisGate, settings: Settings) -> None:
    tell(gate, remaining=50, reset=300)
    with SPAWN.Pool(4) as pool:
        made = pool.starmap(count_calls, [(settings, 40)] * 4, chunksize=1)
    assert sum(made) == 50


def test_without_redis_calls_are_made_with_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    url = "redis://:geheim@127.0.0.1:1/0"
    with connect(Settings(**settings.model_dump() | {"redis_url": url})) as away:
        gate = RedisGate(away, settings.account, CALLS_PER_MINUTE)
        with caplog.at_level(logging.WARNING):
            assert [wait_of(gate), wait_of(gate)] == [0, 0]
            tell(gate, remaining=0)
    assert "no rate limit for list: Redis cannot be reached" in caplog.text
    assert "rate limit of list not written down" in caplog.text
    assert "geheim" not in caplog.text
