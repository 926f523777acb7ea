"""The history of an account, and of a lane: their newest requests and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.errors import NotFoundError
from manager.ledger.execute import first, rows
from manager.operator.chosen import choose
from manager.operator.history.event import SQL, Event
from manager.operator.words import counted


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and what keeps it from working."""

    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None
    removed_at: datetime | None
    swept_at: datetime | None
    looked_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointPause:
    """An endpoint that it may not use."""

    endpoint: str
    reason: str
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane, and what keeps it from being packed."""

    account: str
    endpoint: str
    identifier_type: str
    fields: list[str]
    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job, with its end."""

    job_id: UUID
    state: str
    batch_id: str | None
    identifier_count: int
    result_count: int | None
    created_at: datetime
    ended_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request, with its end."""

    request_id: UUID
    total: int
    created_at: datetime
    finished_at: datetime | None


def of_account(connection: Connection[Any], name: str, limit: int) -> tuple[str, list[Event]]:
    """What it is about, and what happened on it. Raises NotFoundError."""
    found = first(connection, SQL.account, Account, {"name": name})
    if found is None:
        raise NotFoundError(f"There is no account {name} in the ledger.")
    events = [Event(found.created_at, "made")]
    if found.paused_at is not None:
        events.append(Event(found.paused_at, "paused", found.paused_reason))
    for pause in rows(connection, SQL.endpoint_pauses, EndpointPause, {"name": name}):
        events.append(Event(pause.paused_at, "paused", f"{pause.endpoint}: {pause.reason}"))
    if found.removed_at is not None:
        events.append(Event(found.removed_at, "removed"))
    standing = "removed" if found.removed_at else "paused" if found.paused_at else "works"
    return f"account {name}: {standing}", [*events, *_work(connection, {"account": name}, limit)]


def of_lane(connection: Connection[Any], lane_id: int, limit: int) -> tuple[str, list[Event]]:
    """The same of a lane. Raises NotFoundError."""
    found = first(connection, SQL.lane, Lane, {"lane_id": lane_id})
    if found is None:
        raise NotFoundError(f"There is no lane {lane_id} in the ledger.")
    events = [Event(found.created_at, "made")]
    if found.paused_at is not None:
        events.append(Event(found.paused_at, "paused", found.paused_reason))
    fields = f", {', '.join(found.fields)}" if found.fields else ""
    about = f"{found.identifier_type}, {found.endpoint}{fields}, account {found.account}"
    return about, [*events, *_work(connection, {"lane": str(lane_id)}, limit)]


def _work(connection: Connection[Any], given: dict[str, str], limit: int) -> Iterator[Event]:
    parameters = choose("request", given).parameters | {"limit": limit}
    for it in rows(connection, SQL.last_requests, Request, parameters):
        some = counted(it.total, "identifier")
        yield Event(it.created_at, "requested", some, request_id=it.request_id)
        if it.finished_at is not None:
            yield Event(it.finished_at, "finished", some, request_id=it.request_id)
    parameters = choose("job", given).parameters | {"limit": limit}
    for job in rows(connection, SQL.last_jobs, Job, parameters):
        some = counted(job.identifier_count, "identifier")
        yield Event(job.created_at, "packed", some, job_id=job.job_id)
        if job.ended_at is not None:
            results = (
                "" if job.result_count is None else f" of {counted(job.result_count, 'result')}"
            )
            yield Event(
                job.ended_at, job.state, f"{some}{results}; {job.why}", job_id=job.job_id,
                batch_id=job.batch_id,
            )  # fmt: skip
