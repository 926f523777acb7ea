"""What the page shows of an account, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.slots import Slot, slots

SQL = Statements("page")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job."""

    id: UUID
    endpoint: str
    identifier_type: str
    fields: list[str]
    state: str
    slot: int | None
    identifier_count: int
    result_count: int | None
    created_at: datetime
    why: str
    error: str | None
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its counters."""

    id: UUID
    endpoint: str
    identifier_type: str
    fields: list[str]
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccountRows:
    """An account's slots, and its newest jobs and requests."""

    slots: Sequence[Slot]
    jobs: Sequence[JobRow]
    requests: Sequence[RequestRow]


def account_rows(connection: Connection[Any], account: str) -> AccountRows:
    """The rows of the account of that name."""
    parameters = {"account": account}
    return AccountRows(
        slots=slots(connection, account),
        jobs=rows(connection, SQL.last_jobs, JobRow, parameters),
        requests=rows(connection, SQL.last_requests, RequestRow, parameters),
    )
