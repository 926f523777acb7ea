"""All that is known of one object, in the order in which one would ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.budgets import naming_budgets
from manager.ledger.execute import one
from manager.ledger.sql import Statements
from manager.operator.ids import whole_id

SQL = naming_budgets(Statements("whole"))


@dataclass(frozen=True, slots=True)
class WholeJob:
    """A job: what it is, where it stands and why, what it brought, when, and how often."""

    job_id: UUID
    account: str
    endpoint: str
    type: str
    fields: list[str]
    lane: int
    state: str
    why: str
    waits_for: str | None
    error: str | None
    due_at: datetime
    slot: int | None
    batch_id: str | None
    vendor_status: str | None
    identifier_count: int
    result_count: int | None
    entities_requested: int | None
    entities_fulfilled: int | None
    strays: int
    price: Decimal | None
    capacity: int | None
    created_at: datetime
    submitting_at: datetime | None
    accepted_at: datetime | None
    processing_at: datetime | None
    completed_at: datetime | None
    ended_at: datetime | None
    unresolved_at: datetime | None
    webhook_at: datetime | None
    listed_by: datetime | None
    given_up_at: datetime | None
    forgotten_at: datetime | None
    attempts: int
    failures: int
    looks: int
    unresolved_looks: int
    bad_files: int


JOB_NOTES = {
    "due_at": "when it is looked at next, as long as it goes on",
    "result_count": "as the vendor says",
    "entities_requested": "as the vendor says",
    "entities_fulfilled": "as the vendor says",
    "strays": "envelopes of its results that settled nothing",
    "price": "credits a record, when it was packed",
    "capacity": "what it could have held",
    "unresolved_at": "since then nobody knows whether the vendor has it",
    "listed_by": "the vendor's list would have shown it by then",
    "webhook_at": "the vendor called",
    "attempts": "how often it was submitted",
    "failures": "calls for it that failed in a row",
    "looks": "how often in a row the vendor did not know it",
    "unresolved_looks": "looks at the vendor's list since it became unresolved",
    "bad_files": "results files that could not be merged, in a row",
}
"""What the names of a job's fields do not say by themselves."""


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A request: what was asked for, how far it is, when."""

    request_id: UUID
    account: str
    endpoint: str
    type: str
    fields: list[str]
    lane: int
    priority: int
    max_age: timedelta
    idempotency_key: str | None
    tag: str | None
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    created_at: datetime
    finished_at: datetime | None
    cancelled_at: datetime | None
    waits_for: str | None
    metadata: Any


@dataclass(frozen=True, slots=True)
class WholeStray:
    """A stray with the line of the results that it was."""

    stray_id: int
    account: str
    endpoint: str
    type: str
    job_id: UUID
    batch_id: str | None
    line: int
    kept_at: datetime
    reason: str
    envelope: bytes


def whole_job(connection: Connection[Any], id: str) -> WholeJob:
    """The job with that id, or the only one whose id begins so.

    Raises NotFoundError, InvalidRequestError when there are several.
    """
    return one(connection, SQL.job, WholeJob, {"id": whole_id(connection, "job", id)})


def whole_request(connection: Connection[Any], id: str) -> WholeRequest:
    """The same of a request."""
    return one(connection, SQL.request, WholeRequest, {"id": whole_id(connection, "request", id)})


def whole_stray(connection: Connection[Any], id: str) -> WholeStray:
    """The same of a stray, by its number."""
    return one(connection, SQL.stray, WholeStray, {"id": whole_id(connection, "stray", id)})
