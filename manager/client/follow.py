"""Follow a request: its progress, its results in the caller's order, its cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from manager.client.record import decoded, vendor_id
from manager.errors import NotFoundError
from manager.ledger.budgets import naming_budgets
from manager.ledger.execute import Execute
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.ledger.states import Outcome

SQL = naming_budgets(Statements("follow"))
PAGE = 2_000
# Of a page's records, as Postgres stores them; as text they are two to four times as large.
PAGE_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is. The counters count identifiers as the caller wrote them.

    hits: those that were fresh at once; joined: those that another request has begun to buy, and
    repeats. bought: records that were bought for this one, and cost `credits`. waits_for: the
    budget that keeps some of it from being bought, and until when.
    """

    id: UUID
    account: str
    endpoint: str
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
    tag: str | None
    hits: int
    joined: int
    bought: int
    credits: Decimal
    waits_for: str | None

    def __post_init__(self) -> None:
        """Fields as an immutable tuple."""
        object.__setattr__(self, "fields", tuple(self.fields))

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
    the vendor's record (the `data` of its envelope), `vendor_id` the vendor's id of the company or
    person: the record's own, else the envelope's. A number in the record that neither an int nor a
    float can hold is a Decimal.
    """

    position: int
    identifier: str
    outcome: Outcome | None
    vendor_id: int | None
    record: dict[str, Any] | None
    reason: str | None
    fetched_at: datetime | None

    def __post_init__(self) -> None:
        """Make what the ledger wrote an Outcome."""
        if self.outcome is not None:
            object.__setattr__(self, "outcome", Outcome(self.outcome))

    @property
    def company_id(self) -> int | None:
        """The vendor's id, under the name that it has for companies."""
        return self.vendor_id


@dataclass(frozen=True, slots=True)
class Row:
    """A result as the ledger gives it: the record is the text of its JSON."""

    position: int
    identifier: str
    outcome: str | None
    endpoint: str
    internal_id: int | None
    record: str | None
    reason: str | None
    fetched_at: datetime | None

    @property
    def vendor_id(self) -> int | None:
        """The vendor's id of the company or person."""
        return vendor_id(self.endpoint, self.record, self.internal_id)


def progress(request_id: UUID) -> Script[Progress]:
    """The request's progress. Raises NotFoundError."""
    found = yield from ask(SQL.progress, Progress, {"ids": [request_id]})
    if not found:
        raise no_such_request(request_id)
    return found[0]


def results(request_id: UUID, position: int, outcomes: list[str] | None) -> Script[list[Row]]:
    """One page of results of these outcomes, from a position on; empty after the last."""
    parameters = {
        "id": request_id,
        "position": position,
        "outcomes": outcomes,
        "limit": PAGE,
        "bytes": PAGE_BYTES,
    }
    return (yield from ask(SQL.results, Row, parameters))


def result(row: Row) -> Result:
    """What a caller gets of it: the outcome as such, the record in Python's types."""
    return Result(
        position=row.position,
        identifier=row.identifier,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        vendor_id=row.vendor_id,
        record=None if row.record is None else decoded(row.record),
        reason=row.reason,
        fetched_at=row.fetched_at,
    )


def cancel(request_id: UUID) -> Script[Progress]:
    """Settle what waits as cancelled. What other requests want too is still bought for them."""
    parameters = {"id": request_id}
    yield Execute(SQL.lock_enrichments, parameters)
    if (yield from ask(SQL.cancel_items, int, parameters)):
        yield Execute(SQL.cancel_enrichments, parameters)
        yield Execute(SQL.finished, parameters)
    return (yield from progress(request_id))


def no_such_request(request_id: object) -> NotFoundError:
    """The error for an id that no request has."""
    return NotFoundError(f"There is no request {request_id} in the ledger.")
