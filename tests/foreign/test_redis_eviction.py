"""A Redis that drops our keys, any of them at any time, costs time and grants no slot too many.

The ledger is a model here: who is active, and its unique index, which refuses a slot that is taken.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from manager import Settings
from manager.semaphore import Holder, NotReadyError, Owner, RedisGate, Slots, connect
from manager.semaphore.trouble import CannotServeError
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn
from tests.foreign.redis import ForeignRedis, running

pytestmark = pytest.mark.integration
CAP = 3
ROOM = 600_000
_numbers = count(1)


@pytest.fixture(scope="module", params=["redis-6.2", "valkey-9"])
def server(request: pytest.FixtureRequest) -> Iterator[ForeignRedis]:
    with running(request.param) as started:
        yield started


@pytest.fixture
def redis(server: ForeignRedis) -> Iterator[Redis]:
    with connect(Settings(redis_url=server.url, vendor_api_key="k")) as client:
        yield client
    server.run("CONFIG", "SET", "maxmemory", 0)
    server.run("FLUSHALL")


@pytest.mark.parametrize("policy", ["allkeys-random", "allkeys-lru", "volatile-ttl"])
def test_no_slot_is_given_twice_while_keys_are_dropped(
    server: ForeignRedis, redis: Redis, policy: str
) -> None:
    used = int(redis.info("memory")["used_memory"])
    server.run("CONFIG", "SET", "maxmemory-policy", policy)
    server.run("CONFIG", "SET", "maxmemory", used + ROOM)
    rng, slots = random.Random(7), Slots(redis, Owner("evicted", 1))
    active: dict[int, Holder] = {}
    lost = refused = 0
    for number in range(400):
        redis.set(f"theirs:{number}", b"x" * 20_000, ex=100)
        holder = Holder(UUID(int=number), 1)
        try:
            slot = slots.acquire(holder, CAP)
        except NotReadyError:
            lost += 1
            slots.rebuild(active.items(), foreign=0, grace=30)
            slot = slots.acquire(holder, CAP)
        if slot is not None:
            if slot in active:
                refused += 1  # by the ledger
            else:
                active[slot] = holder
        assert len(active) <= CAP
        if active and rng.random() < 0.5:
            over = rng.choice(list(active))
            slots.release(active.pop(over), over)
    assert refused == 0, "who is active was told to each rebuild"
    if policy != "volatile-ttl":
        assert lost > 0, "nothing was dropped, so nothing was tried"


def test_a_full_redis_refuses_and_keeps_what_it_has(server: ForeignRedis, redis: Redis) -> None:
    slots, holder = Slots(redis, Owner("full", 1)), Holder(UUID(int=1), 1)
    slots.rebuild([], foreign=0, grace=30)
    slots.acquire(holder, CAP)
    server.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.run("CONFIG", "SET", "maxmemory", 100_000)
    with pytest.raises(CannotServeError, match="maxmemory"):
        slots.acquire(Holder(UUID(int=2), 1), CAP)
    assert slots.acquire(holder, CAP) == 1, "who has a slot is told so"
    assert slots.release(holder, 1), "and can give it back"
    server.run("CONFIG", "SET", "maxmemory", 0)
    assert slots.acquire(Holder(UUID(int=2), 1), CAP) == 1


@given(
    dropped=st.lists(st.sets(st.sampled_from(["", ":window", ":queue", ":turns"])), max_size=12),
)
@settings(max_examples=30)
def test_the_gate_grants_and_queues_whatever_is_dropped_of_it(
    server: ForeignRedis, dropped: list[set[str]]
) -> None:
    with connect(Settings(redis_url=server.url, vendor_api_key="k")) as redis:
        owner = Owner("gate", next(_numbers))
        gate = RedisGate(redis, owner, calls_per_minute=3)
        longest = 0.0
        for number, parts in enumerate(dropped):
            try:
                gate.take("list", f"who-{number}", Worth.SUBMIT)
            except NotYourTurn as turn:
                longest = max(longest, turn.wait)
            gate.answered("list", limit=3, remaining=number % 3, reset=5, blocked=None)
            for part in parts:
                redis.delete(owner.calls("list") + part)
            used, allowed, waiting, _ = gate.calls("list")
            assert (used <= 60, allowed, waiting <= number + 1) == (True, 3, True)
        assert longest <= 61 * (len(dropped) + 1)
