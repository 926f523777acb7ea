"""Jobs that need an operator: found again and again, told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import Connection

from manager.ledger.execute import one
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("needs_operator")
# An unresolved submission is an operator's when it stays so for so many times as long as it may.
UNRESOLVED_FACTOR, UNRESOLVED_LEAST = 3.0, 600.0
# Tries at merging a job's results after which somebody should look.
MERGE_TRIES = 8
# See `manager.operator.status`: the same jobs are overdue there.
OVERDUE_LEAST, OVERDUE_UNKNOWN = 600.0, 1800.0


def note_needs(connection: Connection[Any], settings: Settings, account_id: int) -> int:
    """Note each job of the account that will not end by itself; how many targets are told."""
    patience = max(settings.resolve_window, settings.submission_limit)
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "unresolved": timedelta(seconds=max(UNRESOLVED_LEAST, UNRESOLVED_FACTOR * patience)),
        "tries": MERGE_TRIES,
        "least": OVERDUE_LEAST,
        "unknown": OVERDUE_UNKNOWN,
        "factor": settings.overdue_factor,
    }
    return one(connection, SQL.note, int, parameters)
