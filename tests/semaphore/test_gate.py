"""The vendor's rate limits are kept by all workers together."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import time
from datetime import UTC, datetime

import pytest
from redis import Redis

from manager import Settings
from manager.run.embedded import EmbeddedServers
from manager.semaphore import Owner, RedisGate, connect
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn
from tests.semaphore.gates import LIMIT, WINDOW, Clock, tell, use_up, wait_of

pytestmark = pytest.mark.integration

SHORT = 1.0
SPAWN = multiprocessing.get_context("spawn")


# The window


def test_an_unused_window_grants_all_its_calls_at_once(gate: RedisGate, clock: Clock) -> None:
    use_up(gate)
    assert wait_of(gate) == WINDOW
    clock.pass_time(WINDOW)
    use_up(gate)


def test_a_call_is_free_again_when_the_oldest_leaves_the_window(
    gate: RedisGate, clock: Clock
) -> None:
    for _ in range(LIMIT):
        use_up(gate, 1)
        clock.pass_time(10)
    assert wait_of(gate, "first") == WINDOW - 40
    assert wait_of(gate, "second") == WINDOW - 30
    clock.pass_time(WINDOW - 40)
    assert wait_of(gate, "first") == 0


def test_the_message_says_until_when_and_nothing_was_sent(gate: RedisGate) -> None:
    use_up(gate)
    with pytest.raises(
        NotYourTurn, match=r"waits for its turn until .* UTC \(calls to list\)"
    ) as it:
        gate.take("list", "me", Worth.LOOK)
    assert it.value.status is None


def test_a_call_given_back_can_be_made_by_another(gate: RedisGate) -> None:
    use_up(gate, LIMIT - 1)
    assert wait_of(gate, "luckless") == 0
    assert wait_of(gate, "next") > 0
    gate.give_back("list", "luckless")
    gate.give_back("list", "who never had one")
    assert wait_of(gate, "next") == 0
    assert wait_of(gate, "another") > 0


# What the vendor says


def test_the_vendors_limit_counts_instead_of_the_assumed_one(gate: RedisGate) -> None:
    use_up(gate, 1)
    tell(gate, limit=7, remaining=6, reset=60)
    use_up(gate, 6)
    assert wait_of(gate) > 0
    assert gate.calls("list").allowed == 7


def test_calls_of_another_tool_are_seen_in_what_remains(gate: RedisGate, clock: Clock) -> None:
    use_up(gate, 1)
    tell(gate, limit=6, remaining=2, reset=20)
    assert gate.calls("list").used == 4, "one of ours, three of others"
    use_up(gate, 2)
    assert wait_of(gate) == 20, "the oldest is another's"
    clock.pass_time(20)
    assert wait_of(gate) == 0
    tell(gate, limit=6, remaining=0, reset=33)
    assert wait_of(gate) == 33


def test_when_the_oldest_call_is_ours_others_are_not_thought_to_leave_with_it(
    gate: RedisGate, clock: Clock
) -> None:
    use_up(gate, 1)
    clock.pass_time(30)
    tell(gate, limit=4, remaining=0, reset=30)
    assert [wait_of(gate, str(n)) for n in range(3)] == [30, 45, 60]


def test_a_limit_beyond_measure_still_leaves_what_remains(gate: RedisGate) -> None:
    tell(gate, limit=10**12, remaining=3, reset=30)
    use_up(gate, 3)
    assert wait_of(gate) == 30
    assert gate.calls("list").allowed == 10_000


def test_what_others_used_is_free_again_after_a_window_without_news(
    gate: RedisGate, clock: Clock
) -> None:
    tell(gate, limit=6, remaining=0, reset=30)
    waits = [wait_of(gate, str(n)) for n in range(6)]
    assert waits == [30, 40, 50, 60, 60, 60], "spaced, but none stays longer than a window"
    clock.pass_time(WINDOW + 11)
    use_up(gate, 6)


def test_nothing_is_free_before_the_vendor_says_so(gate: RedisGate, clock: Clock) -> None:
    use_up(gate)
    clock.pass_time(50)
    tell(gate, limit=LIMIT, remaining=0, reset=13)  # it counts later than we do
    assert wait_of(gate) == 13


# After a 429


def test_no_call_is_made_while_the_vendor_wants_none(gate: RedisGate, clock: Clock) -> None:
    tell(gate, limit=9, remaining=9, reset=10, blocked=120)
    assert wait_of(gate) == 120
    tell(gate, limit=9, remaining=9, reset=10, blocked=5)  # the answer to an earlier call
    assert wait_of(gate) == 120
    until = gate.calls("list").blocked_until
    assert until == datetime.fromtimestamp(clock.now / 1000 + 120, UTC)
    clock.pass_time(120)
    assert gate.calls("list").blocked_until is None
    assert wait_of(gate) == 0


def test_a_429_that_says_no_limit_teaches_one_that_grows_back(
    redis: Redis, owner: Owner, clock: Clock
) -> None:
    gate = RedisGate(redis, owner, 20, window=WINDOW, clock=clock)
    use_up(gate, 13)
    for _ in range(3):  # ten were accepted
        tell(gate, blocked=15)
    assert gate.calls("list").allowed == 10
    clock.pass_time(WINDOW)
    assert gate.calls("list").allowed == 12
    use_up(gate, 12)
    assert wait_of(gate) > 0
    clock.pass_time(4 * WINDOW)
    assert gate.calls("list").allowed == 20
    clock.pass_time(40 * WINDOW)
    assert gate.calls("list").allowed == 20


def test_what_a_429_taught_is_forgotten_when_the_vendor_says_its_limit(gate: RedisGate) -> None:
    use_up(gate)
    tell(gate, blocked=1)
    assert gate.calls("list").allowed == LIMIT - 1
    tell(gate, limit=15)
    assert gate.calls("list").allowed == 15


# Who shares what


@pytest.mark.parametrize("stranger", [Owner("gate", 0), Owner("another", 1)])
def test_routes_accounts_and_ledgers_have_calls_of_their_own(
    gate: RedisGate, redis: Redis, stranger: Owner, clock: Clock
) -> None:
    other = RedisGate(redis, stranger, LIMIT, window=WINDOW, clock=clock)
    use_up(gate)
    wait_of(gate, "waits")
    tell(gate, limit=99, blocked=100)
    assert other.calls("list") == (0, LIMIT, 0, None)
    assert gate.calls("status") == (0, LIMIT, 0, None)
    assert wait_of(gate, route="submit") == 0
    use_up(other)
    gate.forget()
    assert gate.calls("list") == (0, LIMIT, 0, None)
    assert other.calls("list").used == LIMIT
    other.forget()
    assert not redis.keys(f"{stranger.calls('list')}*")


def test_all_is_forgotten_in_the_end(gate: RedisGate, redis: Redis, owner: Owner) -> None:
    use_up(gate)
    wait_of(gate)
    keys: list[bytes] = redis.keys(f"{owner.calls('list')}*")  # type: ignore[assignment]
    assert len(keys) == 4
    assert all(0 < int(redis.ttl(key)) <= 3600 for key in keys)


def call_often(redis_url: str, owner: Owner, who: str, calls: int) -> list[tuple[float, float]]:
    """Make calls as soon as they are granted; between which times each was."""
    made: list[tuple[float, float]] = []
    with Redis.from_url(redis_url) as redis:
        gate = RedisGate(redis, owner, LIMIT, window=SHORT)
        while len(made) < calls:
            asked = time.time()
            wait = wait_of(gate, f"{who} {len(made)}")
            if wait:
                time.sleep(wait)
            else:
                made.append((asked, time.time()))
    return made


def test_many_processes_share_one_window(servers: EmbeddedServers, owner: Owner) -> None:
    with SPAWN.Pool(3) as pool:
        asked = [(servers.redis_url, owner, str(process), 4) for process in range(3)]
        made = sorted(itertools.chain(*pool.starmap(call_often, asked, chunksize=1)))
    for (earliest, _), (_, latest) in zip(made, made[LIMIT:], strict=False):
        assert latest - earliest >= SHORT
    assert made[-1][1] - made[0][0] < 3 * SHORT, "three windows' calls, the first at once"


def test_without_redis_calls_are_granted_with_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    url = "redis://:geheim@127.0.0.1:1/0"
    with connect(Settings(**settings.model_dump() | {"redis_url": url})) as away:
        gate = RedisGate(away, Owner("away", 1), LIMIT)
        with caplog.at_level(logging.WARNING):
            use_up(gate, LIMIT + 1)
            tell(gate, remaining=0)
            gate.give_back("list", "me")
    assert "call.unlimited route=list error=" in caplog.text
    assert "limit.not_noted route=list" in caplog.text
    assert "call.not_given_back route=list" in caplog.text
    assert "geheim" not in caplog.text
