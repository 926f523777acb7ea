"""Timeline: which job held each slot when, how it ended, the gaps, and whose the others were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.status import AccountStatus

SQL = Statements("now")
# At most so many stays are shown: five slots, and jobs of half a minute each.
MOST = 600


@dataclass(frozen=True, slots=True)
class Span:
    """The stay of a job in a slot.

    slot: None where the history does not say. ended: None while it lasts; then `expected_end` is
    when jobs like it (`alike` of them are known) would end, None where that is not known or it
    takes longer than any of them did. became: the state that it left the slot for: `completed`,
    `stopped`, `failed`, `rejected`, or `packed` where it was put back. state: the job's today.
    """

    job_id: UUID
    lane_id: int
    endpoint: str
    identifier_type: str
    size: int
    result_count: int | None
    batch_id: str | None
    state: str
    slot: int | None
    began: datetime
    ended: datetime | None
    became: str | None
    why: str
    expected_end: datetime | None = None
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A slot that no job of ours held; ended: None while that is so."""

    slot: int
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Others:
    """A job at the vendor that is not ours, and takes a slot from us while it is at work there."""

    batch_id: str
    entity: str
    action: str
    size: int | None
    whose: str
    stage: str
    why: str
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """An account's slots from `since` to `until`. spans: the latest first."""

    since: datetime
    until: datetime
    slots: int
    taken_by_others: int
    spans: Sequence[Span]
    gaps: Sequence[Gap]
    others: Sequence[Others]

    @property
    def running(self) -> list[Span]:
        """Those that hold a slot now."""
        return [it for it in self.spans if it.ended is None]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long jobs took, in seconds: those of a lane and of about a size, and of the lane."""

    number: int
    alike: list[float]
    of_lane: list[float]


def timeline(
    connection: Connection[Any], standing: AccountStatus, since: datetime, until: datetime
) -> Timeline:
    """The account's slots between these times; the second is now."""
    parameters = {"account_id": standing.id, "since": since, "limit": MOST}
    spans = rows(connection, SQL.spans, Span, parameters)
    others = rows(connection, SQL.others, Others, parameters)
    running = [it for it in spans if it.ended is None]
    known = durations(connection, [(it.lane_id, it.size) for it in running])
    expected = {
        (it.job_id, it.began): _expected(it, learnt.alike, until)
        for it, learnt in zip(running, known, strict=True)
    }
    spans = [expected.get((it.job_id, it.began), it) for it in spans]
    slots = max([standing.cap, *(it.slot or 0 for it in spans)])
    return Timeline(
        since,
        until,
        slots,
        min(standing.foreign_active, max(standing.cap - len(running), 0)),
        spans,
        gaps(spans, slots, since),
        others,
    )


def durations(connection: Connection[Any], wanted: Sequence[tuple[int, int]]) -> list[Durations]:
    """How long jobs of these lanes and sizes took."""
    parameters = {"lanes": [lane for lane, _ in wanted], "sizes": [size for _, size in wanted]}
    return rows(connection, SQL.durations, Durations, parameters) if wanted else []


def remaining(seconds: Sequence[float], age: float) -> float | None:
    """Seconds that a job of that age has left, by how long those like it took; None when it takes
    longer than any of them did, or there are none.
    """
    longer = [it for it in seconds if it > age]
    return median(longer) - age if longer else None


def gaps(spans: Sequence[Span], slots: int, since: datetime) -> list[Gap]:
    """The times in which no job of ours held the slot, slot by slot, the earliest first."""
    found = []
    for slot in range(1, slots + 1):
        free_since: datetime | None = since
        for span in sorted((it for it in spans if it.slot == slot), key=lambda it: it.began):
            if free_since is not None and span.began > free_since:
                found.append(Gap(slot, free_since, span.began))
            if span.ended is None:
                free_since = None
            elif free_since is not None:
                free_since = max(free_since, span.ended)
        if free_since is not None:
            found.append(Gap(slot, free_since, None))
    return found


def _expected(span: Span, seconds: Sequence[float], at: datetime) -> Span:
    left = remaining(seconds, (at - span.began).total_seconds())
    end = None if left is None else at + timedelta(seconds=left)
    return replace(span, expected_end=end, alike=len(seconds))
