"""Measures: how long calls and steps took, added up by all processes of an account in Redis.

What happened stands in the ledger; only how long it took is known to nobody but the process. Each
keeps it for some seconds and then adds it here, so a killed one loses as much. If Redis loses its
content the sums begin at 0 again, which Prometheus knows how to take.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from redis import Redis
from redis.exceptions import RedisError

from manager import faultpoint
from manager.logs import get_logger
from manager.semaphore.names import Owner

log = get_logger(__name__)

MEASURE = faultpoint.point("semaphore.measure")
# Upper bounds in seconds of what is measured; what takes longer is counted under +Inf.
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
# Seconds between two times that a process adds what it has measured, and until sums are forgotten
# to which nobody adds any more.
EVERY, FORGOTTEN = 10.0, 30 * 86_400


class Measures:
    """The sums of one account.

    They are fields of a hash: `calls ROUTE OUTCOME`, and of each histogram `WHAT NAME BOUND` and
    `WHAT NAME sum`, in milliseconds.
    """

    def __init__(self, redis: Redis, owner: Owner) -> None:
        self._redis = redis
        self._key = owner.measures
        self._kept: Counter[str] = Counter()
        self._added = monotonic()

    def called(self, route: str, outcome: str, seconds: float) -> None:
        """The vendor was called. outcome: the status of its answer, or why there was none."""
        self._kept[f"calls {route} {outcome}"] += 1
        self._took(f"call {route}", seconds)
        log.debug("vendor.called", route=route, outcome=outcome, seconds=round(seconds, 3))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step runs; when it has ended what was measured is added, if it is time to."""
        began = monotonic()
        try:
            yield
        finally:
            self._took(f"step {name}", monotonic() - began)
            if monotonic() - self._added >= EVERY:
                self.add()

    def add(self) -> None:
        """Add what was measured here; without Redis it is kept for the next time."""
        kept, self._kept, self._added = self._kept, Counter(), monotonic()
        if not kept:
            return
        try:
            with faultpoint.around(MEASURE):
                pipeline = self._redis.pipeline(transaction=False)
                for name, amount in kept.items():
                    pipeline.hincrby(self._key, name, amount)
                pipeline.pexpire(self._key, FORGOTTEN * 1000)
                pipeline.execute()
        except RedisError as error:
            log.debug("measures.not_added", error=error)
            self._kept.update(kept)

    def read(self) -> Mapping[str, int]:
        """The sums of all processes. Raises RedisError."""
        content: dict[bytes, bytes] = self._redis.hgetall(self._key)  # type: ignore[assignment]
        return {name.decode(): int(amount) for name, amount in content.items()}

    def _took(self, what: str, seconds: float) -> None:
        place = bisect_left(BOUNDS, seconds)
        bound = f"{BOUNDS[place]:g}" if place < len(BOUNDS) else "+Inf"
        self._kept[f"{what} {bound}"] += 1
        self._kept[f"{what} sum"] += round(seconds * 1000)
