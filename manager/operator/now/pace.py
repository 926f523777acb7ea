"""Pace: what jobs that ended came to, minute by minute or hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("now")


@dataclass(frozen=True, slots=True)
class Period:
    """Jobs that ended from `at` on, until the next period.

    settled: identifiers of jobs that were merged, `found` of them with a record. failed:
    identifiers of those that were not (they may have been bought again since).
    """

    at: datetime
    jobs: int
    settled: int
    found: int
    jobs_failed: int
    failed: int

    @property
    def not_found(self) -> int:
        """Identifiers without a record."""
        return self.settled - self.found


def pace(
    connection: Connection[Any], account_id: int, since: datetime, seconds: float
) -> list[Period]:
    """Each period of so many seconds since then, the oldest first, the last one under way."""
    parameters = {"account_id": account_id, "since": since, "seconds": seconds}
    return rows(connection, SQL.pace, Period, parameters)
