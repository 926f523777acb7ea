"""The history of a job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.errors import NotFoundError
from manager.ledger.execute import first, rows
from manager.operator.history.event import SQL, Event
from manager.operator.words import counted


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a job."""

    at: datetime
    from_state: str | None
    to_state: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A job as the vendor's list has shown it. The vendor's times are by its own clock."""

    batch_id: str
    status: str
    whose: str
    result_count: int | None
    created_at: datetime | None
    completed_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    judged_at: datetime | None
    judged_why: str | None


@dataclass(frozen=True, slots=True)
class About:
    """What a job is."""

    state: str
    identifier_count: int
    account: str
    endpoint: str

    def __str__(self) -> str:
        """In a line."""
        some = counted(self.identifier_count, "identifier")
        return f"{some}, {self.endpoint}, account {self.account}: {self.state}"


def moves(connection: Connection[Any], job_id: UUID, limit: int) -> list[Move]:
    """How it moved, the last first."""
    return rows(connection, SQL.moves, Move, {"job_id": job_id, "limit": limit})


def of_job(connection: Connection[Any], job_id: UUID, limit: int) -> tuple[str, list[Event]]:
    """What it is about, its moves, and when the vendor's list showed it. Raises NotFoundError."""
    about = first(connection, SQL.job, About, {"job_id": job_id})
    if about is None:
        raise NotFoundError(f"There is no job {job_id} in the ledger.")
    events = [
        Event(move.at, move.to_state, move.why, move.by)
        for move in moves(connection, job_id, limit)
    ]
    for seen in rows(connection, SQL.sightings, Sighting, {"job_id": job_id}):
        events += _sightings(seen)
    return str(about), events


def _sightings(seen: Sighting) -> Iterator[Event]:
    batch = seen.batch_id
    yield Event(seen.first_seen_at, "seen", "first on the vendor's list", batch_id=batch)
    if seen.last_seen_at > seen.first_seen_at:
        results = "" if seen.result_count is None else f", {seen.result_count:,} results"
        detail = f"last on the vendor's list: {seen.status}{results}"
        yield Event(seen.last_seen_at, "seen", detail, batch_id=batch)
    if seen.judged_at is not None:
        yield Event(seen.judged_at, "judged", seen.judged_why, batch_id=batch)
