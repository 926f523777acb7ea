"""Semaphore: slots taken and freed again a second, and calls taken and given back."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from redis import Redis
from uuid_utils.compat import uuid7

from benchmarks.ledgers import new_ledger
from benchmarks.measure import Report, pair
from manager import semaphore
from manager.run.embedded import EmbeddedServers
from manager.semaphore import Holder, Owner, RedisGate, Slots
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn

RUNS = 5
# Fewer take some milliseconds, which say nothing.
LEAST = 2_000
CALLS_PER_MINUTE = 15
WAITING = 20


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; a run has `size` / 200 pairs, but 2,000 at least."""
    report.begin("semaphore")
    count = max(LEAST, size // 200)
    with new_ledger(servers) as settings, semaphore.connect(settings) as redis:
        owner = Owner(settings.database_schema, account=1)
        slots = Slots(redis, owner)
        slots.rebuild([], foreign=0, grace=0)
        gate = RedisGate(redis, owner, CALLS_PER_MINUTE)
        _fill_queue(gate)
        measured = {
            "acquire and release": partial(_acquire_and_release, slots, settings.cap, count),
            "take a call and give it back": partial(_take_and_give_back, gate, count),
        }
        for name, work in measured.items():
            pairs = [pair(work, partial(_ping_and_set, redis, count)) for _ in range(RUNS)]
            report.rate(name, "pairs/s", count, pairs, "PING and SET")


def _acquire_and_release(slots: Slots, cap: int, count: int) -> None:
    for _ in range(count):
        holder = Holder(UUID(bytes=uuid7().bytes), 1)
        slot = slots.acquire(holder, cap)
        assert slot
        assert slots.release(holder, slot)


def _fill_queue(gate: RedisGate) -> None:
    """Let the window be full but for the reserve, with callers that wait."""
    waiting = 0
    while waiting < WAITING:
        try:
            gate.take("list", f"waits {waiting}", Worth.SAMPLE)
        except NotYourTurn:
            waiting += 1


def _take_and_give_back(gate: RedisGate, count: int) -> None:
    for _ in range(count):
        gate.take("list", "benchmark", Worth.SUBMIT)
        gate.give_back("list", "benchmark")


def _ping_and_set(redis: Redis, count: int) -> None:
    """The yardstick: as many round trips."""
    for number in range(count):
        redis.ping()
        redis.set("benchmark", number)
