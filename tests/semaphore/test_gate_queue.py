"""Who waits for a call gets it: what is worth more first, and in the end everybody."""

from __future__ import annotations

import heapq
import itertools

import pytest
from redis import Redis

from manager.semaphore import Owner, RedisGate
from manager.vendor.calls import Worth
from tests.semaphore.gates import WINDOW, Clock, tell, use_up, wait_of

pytestmark = pytest.mark.integration


def test_a_call_is_kept_for_who_was_told_its_turn(gate: RedisGate, clock: Clock) -> None:
    use_up(gate)
    wait = wait_of(gate, "first")
    clock.pass_time(wait)
    tell(gate, limit=1)
    assert wait_of(gate, "a newcomer") > 0
    clock.pass_time(9)
    assert wait_of(gate, "another newcomer") > 0
    assert wait_of(gate, "first") == 0


def test_who_does_not_come_loses_its_place(gate: RedisGate, clock: Clock) -> None:
    tell(gate, limit=1, remaining=0, reset=5)
    wait_of(gate, "first")
    assert wait_of(gate, "second") == 5 + WINDOW
    clock.pass_time(5 + 10.001)
    assert gate.calls("list").waiting == 1
    assert wait_of(gate, "second") == 0


def test_asking_again_keeps_the_place(gate: RedisGate, clock: Clock) -> None:
    tell(gate, limit=1, remaining=0, reset=30)
    told = [wait_of(gate, who) for who in ("first", "second")]
    clock.pass_time(3)
    again = [wait_of(gate, who) for who in ("second", "first")]
    assert again == [told[1] - 3, told[0] - 3]


def test_what_is_worth_more_goes_before(gate: RedisGate, clock: Clock) -> None:
    use_up(gate)
    clock.pass_time(30)
    tell(gate, limit=1, remaining=0, reset=30)
    assert wait_of(gate, "look", Worth.LOOK) == 30
    assert wait_of(gate, "submission", Worth.SUBMIT) == 30
    clock.pass_time(30)
    assert wait_of(gate, "look", Worth.LOOK) == WINDOW
    assert wait_of(gate, "submission", Worth.SUBMIT) == 0


def test_who_waits_takes_no_call_that_another_can_use_meanwhile(
    gate: RedisGate, clock: Clock
) -> None:
    use_up(gate, 3)
    clock.pass_time(30)
    use_up(gate, 1)
    assert wait_of(gate, "first") == 30
    gate.give_back("list", "me")
    assert wait_of(gate, "second") == 0, "the first still gets its call when it was told"
    assert wait_of(gate, "third") == 30


def test_what_can_wait_leaves_a_reserve(redis: Redis, owner: Owner, clock: Clock) -> None:
    gate = RedisGate(redis, owner, 8, window=WINDOW, clock=clock)
    granted = [wait_of(gate, str(n), Worth.SAMPLE) == 0 for n in range(8)]
    assert granted == [True] * 6 + [False] * 2
    assert wait_of(gate, "links", Worth.LINKS) == 0
    assert wait_of(gate, "submission", Worth.SUBMIT) == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 15])
def test_nobody_starves(redis: Redis, owner: Owner, clock: Clock, limit: int) -> None:
    gate = RedisGate(redis, owner, limit, window=WINDOW, clock=clock)
    use_up(gate, limit)
    begun = clock.now
    # Always more submissions than calls: each asks when it was told to, then comes the next.
    asks = [(begun, -1, "sample")] + [(begun, n, f"submission {n}") for n in range(limit + 1)]
    for number in itertools.count(limit + 1):
        clock.now, _, who = heapq.heappop(asks)
        wait = wait_of(gate, who, Worth.SAMPLE if who == "sample" else Worth.SUBMIT)
        if wait == 0:
            if who == "sample":
                break
            who = f"submission {number}"
        heapq.heappush(asks, (clock.now + round(wait * 1000), number, who))
        assert clock.now - begun < 240_000
    assert clock.now - begun > 60_000, "what is worth more went before for a while"
