"""Forecast: when what waits is probably done, by the pace of jobs like it, slots and calls."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# Jobs that are gone through one by one; of more, the rest is taken to go on at their pace.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """When it is done. done_at: None where that is not known; `unknown` says why.

    jobs: how many are still to be submitted.
    """

    done_at: datetime | None
    jobs: int
    unknown: str | None = None

    def __str__(self) -> str:
        if self.done_at is None:
            return f"no forecast: {self.unknown}"
        return f"done at about {self.done_at.astimezone(UTC):%H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Work:
    """What a lane has to do. Times in seconds from now.

    running: until each of its jobs at the vendor ends. jobs: how many are to be submitted, each
    for `seconds`, none before `ready`. merging: until results are merged.
    """

    running: Sequence[float]
    jobs: int
    seconds: float
    ready: float
    merging: float


def ends(
    works: Sequence[Work], slots: int, occupied: Sequence[float], apart: float
) -> list[float | None]:
    """Seconds until each is done, when they are submitted one after the other in this order.

    slots: those that may be used. occupied: until each of them that is held becomes free. apart:
    seconds between two submissions that the vendor's limit allows at least. None: no slot is to be
    had for its jobs.
    """
    free = [0.0] * max(slots - len(occupied), 0) + sorted(occupied)[:slots]
    heapq.heapify(free)
    found: list[float | None] = []
    submitted = -apart
    for work in works:
        last = max(work.running, default=0.0)
        if work.jobs and not free:
            found.append(None)
            continue
        stepped = min(work.jobs, MOST)
        first = submitted
        for _ in range(stepped):
            begin = max(heapq.heappop(free), work.ready, submitted + apart)
            submitted = begin
            heapq.heappush(free, begin + work.seconds)
            last = max(last, begin + work.seconds)
        if rest := work.jobs - stepped:
            later = rest * max(work.seconds / len(free), apart)
            free = [it + later for it in free]
            submitted, last = max(submitted, first) + later, last + later
        found.append(last + work.merging)
    return found
