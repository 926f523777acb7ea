"""The history of a request."""

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
class Made:
    """A request, as it was made and ended."""

    account: str
    endpoint: str
    priority: int
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    idempotency_key: str | None
    tag: str | None
    created_at: datetime
    finished_at: datetime | None
    cancelled_at: datetime | None

    @property
    def settled(self) -> int:
        """Identifiers that have an outcome."""
        return self.fulfilled + self.not_found + self.failed + self.cancelled

    @property
    def about(self) -> str:
        """What it is, in a line."""
        return f"{counted(self.total, 'identifier')}, {self.endpoint}, account {self.account}"


@dataclass(frozen=True, slots=True)
class Held:
    """A job, and how many of the request's identifiers it has, by outcome."""

    job_id: UUID
    state: str
    batch_id: str | None
    created_at: datetime
    ended_at: datetime | None
    why: str
    items: int
    fulfilled: int
    not_found: int
    failed: int

    def events(self, made: datetime) -> Iterator[Event]:
        """What it was to a request that was made then."""
        some = counted(self.items, "identifier")
        if self.ended_at is not None and self.ended_at <= made:
            had = f"{some} had results already, of {self.ended_at:%Y-%m-%d %H:%M} UTC"
            yield Event(made, "fresh", had, job_id=self.job_id)
            return
        if self.created_at < made:
            yield Event(made, "joined", f"{some} in a job already", job_id=self.job_id)
        else:
            yield Event(self.created_at, "packed", some, job_id=self.job_id)
        if self.ended_at is not None:
            counts = f"{self.fulfilled:,} fulfilled, {self.not_found:,} not found"
            failed = f", {self.failed:,} failed: {self.why}" if self.failed else ""
            yield Event(
                self.ended_at, self.state, counts + failed, None, self.job_id, None, self.batch_id
            )


def of_request(
    connection: Connection[Any], request_id: UUID, limit: int
) -> tuple[str, list[Event]]:
    """What it is about, and what happened to it. Raises NotFoundError."""
    parameters = {"request_id": request_id, "limit": limit}
    made = first(connection, SQL.request, Made, parameters)
    if made is None:
        raise NotFoundError(f"There is no request {request_id} in the ledger.")
    told = [counted(made.total, "identifier"), f"priority {made.priority}"]
    told += [f"tag {made.tag}"] if made.tag else []
    told += [f"idempotency key {made.idempotency_key}"] if made.idempotency_key else []
    events = [Event(made.created_at, "requested", ", ".join(told))]
    for held in rows(connection, SQL.jobs_of_request, Held, parameters):
        events += held.events(made.created_at)
    if made.cancelled_at is not None:
        events.append(Event(made.cancelled_at, "cancelled", f"{made.cancelled:,} were not settled"))
    elif made.finished_at is not None:
        counts = (
            f"{made.fulfilled:,} fulfilled, {made.not_found:,} not found, {made.failed:,} failed"
        )
        events.append(Event(made.finished_at, "finished", counts))
    standing = "finished" if made.finished_at else f"{made.settled:,} settled"
    return f"{made.about}: {standing}", events
