"""Follow a request: its progress, its results in the caller's order, its cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from manager.errors import NotFoundError
from manager.ledger.script import Execute, Script
from manager.ledger.sql import Statements
from manager.ledger.states import Outcome

SQL = Statements("request")
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is. The counters count identifiers as the caller wrote them."""

    id: UUID
    identifier_type: str
    fields: tuple[str, ...]
    priority: int
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    metadata: Mapping[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
    cancelled_at: datetime | None

    @property
    def settled(self) -> int:
        """Identifiers that have an outcome."""
        return self.fulfilled + self.not_found + self.failed + self.cancelled

    @property
    def waiting(self) -> int:
        """Identifiers that have no outcome yet."""
        return self.total - self.settled

    @property
    def finished(self) -> bool:
        """Whether every identifier has an outcome."""
        return self.finished_at is not None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one identifier. `outcome` is None while it waits.

    `identifier` is what the caller wrote, `position` its place in the call, from 0; `record` is
    the vendor's record (the `data` of its envelope), `company_id` the vendor's internal_id.
    """

    position: int
    identifier: str
    outcome: Outcome | None
    company_id: int | None
    record: dict[str, Any] | None
    reason: str | None
    fetched_at: datetime | None


def progress(request_id: UUID) -> Script[Progress]:
    """The request's progress. Raises NotFoundError."""
    found = yield Execute(SQL.progress, {"id": request_id})
    if not found:
        raise no_such_request(request_id)
    row = found[0]._asdict()
    return Progress(**row | {"fields": tuple(row["fields"])})


def results(request_id: UUID, position: int) -> Script[list[Result]]:
    """One page of results, from a position on; empty after the last."""
    page = yield Execute(SQL.results, {"id": request_id, "position": position, "limit": PAGE})
    return [
        Result(**row._asdict() | {"outcome": Outcome(row.outcome) if row.outcome else None})
        for row in page
    ]


def cancel(request_id: UUID) -> Script[Progress]:
    """Settle what waits as cancelled. What other requests want too is still bought for them."""
    yield Execute(SQL.lock_enrichments, {"id": request_id})
    if (yield Execute(SQL.cancel_items, {"id": request_id})):
        yield Execute(SQL.cancel_enrichments, {"id": request_id})
        yield Execute(SQL.finished, {"id": request_id})
    return (yield from progress(request_id))


def no_such_request(request_id: object) -> NotFoundError:
    """The error for an id that no request has."""
    return NotFoundError(f"There is no request {request_id} in the ledger.")
