"""Semaphore: slots taken and freed again a second."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from redis import Redis
from uuid_utils.compat import uuid7

from benchmarks.ledgers import new_ledger
from benchmarks.measure import Report, pair
from manager import semaphore
from manager.run.embedded import EmbeddedServers
from manager.semaphore import Holder, Slots

RUNS = 5
# Fewer take some milliseconds, which say nothing.
LEAST = 2_000


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; a run has `size` / 200 pairs, but 2,000 at least."""
    report.begin("semaphore")
    count = max(LEAST, size // 200)
    with new_ledger(servers) as settings, semaphore.connect(settings) as redis:
        slots = Slots(redis, settings.account)
        slots.rebuild([], foreign=0, grace=0)
        pairs = [
            pair(
                partial(_acquire_and_release, slots, settings.cap, count),
                partial(_ping_and_set, redis, count),
            )
            for _ in range(RUNS)
        ]
    report.rate("acquire and release", "pairs/s", count, pairs, "PING and SET")


def _acquire_and_release(slots: Slots, cap: int, count: int) -> None:
    for _ in range(count):
        holder = Holder(UUID(bytes=uuid7().bytes), 1)
        slot = slots.acquire(holder, cap)
        assert slot
        assert slots.release(holder, slot)


def _ping_and_set(redis: Redis, count: int) -> None:
    """The yardstick: as many round trips."""
    for number in range(count):
        redis.ping()
        redis.set("benchmark", number)
