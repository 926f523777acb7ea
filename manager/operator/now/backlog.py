"""Backlog: what waits in each lane, since when, and when it is probably done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from psycopg import Connection

from manager.endpoints import ENDPOINTS
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.now.forecast import Forecast, Work, ends
from manager.operator.now.timeline import Timeline, durations
from manager.operator.status import AccountStatus
from manager.settings import Settings

SQL = Statements("now")
# So many enrichments of a lane are counted; how many more there are is taken from counters.
COUNTED = 100_000
# Seconds that a slot stands empty between two jobs, and that a merge takes, where nothing is known.
TURN, MERGE = 2.0, 3.0
NOTHING = Forecast(None, 0, "nothing waits")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a lane has to do. Numbers of identifiers, and of the jobs that hold them.

    waiting: enrichments that are in no job yet; about so many where `uncounted`. oldest: since when
    the first in line waits, as far as is seen; None where all that waits is due later.
    """

    id: int
    endpoint: str
    identifier_type: str
    fields: Sequence[str]
    waiting: int
    uncounted: bool
    oldest: datetime | None
    due_at: datetime | None
    paused_reason: str | None
    packed: int
    packed_identifiers: int
    active: int
    active_identifiers: int
    unmerged: int
    unmerged_identifiers: int
    first_packed: datetime | None
    forecast: Forecast = NOTHING

    @property
    def identifiers(self) -> int:
        """All that is not settled yet."""
        in_jobs = self.packed_identifiers + self.active_identifiers + self.unmerged_identifiers
        return self.waiting + in_jobs

    @property
    def since(self) -> datetime | None:
        """Since when the oldest of it waits for a slot."""
        return min((it for it in (self.oldest, self.first_packed) if it), default=None)


def backlog(
    connection: Connection[Any],
    settings: Settings,
    standing: AccountStatus,
    line: Timeline,
    at: datetime,
) -> list[Backlog]:
    """What each lane of the account has to do, the first in line first; at: now."""
    parameters = {"account_id": standing.id, "most": COUNTED}
    lanes = _with_the_uncounted(rows(connection, SQL.lanes, Backlog, parameters), standing)
    return forecasts(connection, settings, standing, line, lanes, at)


def forecasts(
    connection: Connection[Any],
    settings: Settings,
    standing: AccountStatus,
    line: Timeline,
    lanes: Sequence[Backlog],
    at: datetime,
) -> list[Backlog]:
    """The lanes, each with when it is done."""
    sizes = [_job_size(settings, it) for it in lanes]
    learnt = durations(connection, [(it.id, size) for it, size in zip(lanes, sizes, strict=True)])
    merging = rows(connection, SQL.merging, float, {"account_id": standing.id})
    merge = median(merging) if merging else MERGE
    left = {
        it.job_id: None if it.expected_end is None else (it.expected_end - at).total_seconds()
        for it in line.running
    }
    unknown: list[str | None] = []
    works = []
    for lane, size, known in zip(lanes, sizes, learnt, strict=True):
        jobs = lane.packed + -(-lane.waiting // size)
        seconds = known.alike or known.of_lane
        running = [left[it.job_id] for it in line.running if it.lane_id == lane.id]
        unknown.append(_unknown(standing, lane, jobs, seconds, running, settings))
        works.append(
            Work(
                [it for it in running if it is not None],
                jobs if unknown[-1] is None else 0,
                (median(seconds) if seconds else 0.0) + TURN,
                _ready(settings, lane, size, at),
                merge if jobs or running else _left_of_merge(lane, merge),
            )
        )
    # one of which nothing is known may hold its slot for as long again as it has
    occupied = [
        max(it, 0.0) if (it := left[span.job_id]) is not None else (at - span.began).total_seconds()
        for span in line.running
    ]
    calls = standing.calls.get("submit")
    apart = 60.0 / calls.allowed if calls and calls.allowed else 0.0
    done = ends(works, standing.cap - standing.foreign_active, occupied, apart)
    made = []
    for lane, work, end, why in zip(lanes, works, done, unknown, strict=True):
        if why is None and end is None:
            why = "others' jobs take all the slots"
        when = None if why is not None or end is None else at + timedelta(seconds=end)
        made.append(replace(lane, forecast=Forecast(when, work.jobs, why)))
    return made


def _unknown(
    standing: AccountStatus,
    lane: Backlog,
    jobs: int,
    seconds: Sequence[float],
    running: Sequence[float | None],
    settings: Settings,
) -> str | None:
    """Why nobody can tell when it is done."""
    if jobs and standing.paused_reason is not None:
        return "the account is paused"
    if jobs and lane.paused_reason is not None:
        return f"{lane.endpoint} is paused"
    if settings.served_account(standing.account) is None:
        return "the account is not served by this configuration"
    if jobs and not seconds:
        return "no job like these has ended yet"
    if any(it is None for it in running):
        return "a job takes longer than any like it did" if seconds else "no such job has ended yet"
    return None


def _job_size(settings: Settings, lane: Backlog) -> int:
    """How many identifiers its jobs have."""
    endpoint = ENDPOINTS.get(lane.endpoint)
    most = min(endpoint.job_size if endpoint else settings.job_size, settings.job_size)
    packed = -(-lane.packed_identifiers // lane.packed) if lane.packed else 0
    active = -(-lane.active_identifiers // lane.active) if lane.active else 0
    return max(min(most, lane.waiting or packed or active or most), 1)


def _ready(settings: Settings, lane: Backlog, size: int, at: datetime) -> float:
    """Seconds until its next job may be submitted: its identifiers linger until it is full."""
    if lane.packed or lane.due_at is None:
        return 0.0
    linger = 0.0 if lane.waiting >= size == settings.job_size else settings.linger
    return max((lane.due_at - at).total_seconds() + linger, 0.0)


def _left_of_merge(lane: Backlog, merge: float) -> float:
    return merge if lane.unmerged else 0.0


def _with_the_uncounted(lanes: list[Backlog], standing: AccountStatus) -> list[Backlog]:
    """What the account's counters know to wait, shared by the lanes that were not counted."""
    uncounted = [it for it in lanes if it.uncounted]
    if not uncounted:
        return lanes
    waiting = standing.identifiers.get("waiting", 0) - standing.in_jobs
    more = max(waiting - sum(it.waiting for it in lanes), 0) // len(uncounted)
    return [replace(it, waiting=it.waiting + more) if it.uncounted else it for it in lanes]
