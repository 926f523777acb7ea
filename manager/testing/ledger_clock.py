"""Lets time pass for a ledger: its server's clock cannot be moved, so what is written grows older.

Every moment that the ledger holds is moved back: what is due in a minute is due now, and a result
of today is one of yesterday.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import Connection, sql

# What the vendor says of its jobs is by its own clock; for that see `vendor_clock`.
THE_VENDORS = [("vendor_job", "created_at"), ("vendor_job", "completed_at")]
MOMENTS = """
SELECT c.relname::text, array_agg(a.attname::text)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND a.atttypid = 'timestamptz'::regtype AND NOT a.attisdropped
GROUP BY c.relname ORDER BY c.relname
"""


class LedgerClock:
    """Moves the time of the ledger that `connection`'s search_path names."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._statements = [
            _shift(table, columns) for table, columns in connection.execute(MOMENTS).fetchall()
        ]

    def pass_by(self, seconds: float) -> None:
        """All that is written is so many seconds longer ago."""
        parameters = {"time": timedelta(seconds=seconds), "seconds": seconds}
        with self._connection.transaction():
            for statement in self._statements:
                self._connection.execute(statement, parameters)


def _shift(table: str, columns: list[str]) -> sql.Composed:
    moved: list[sql.Composable] = [
        sql.SQL("{0} = {0} - %(time)s").format(sql.Identifier(column))
        for column in columns
        if (table, column) not in THE_VENDORS
    ]
    if table == "account":  # the vendor's times stay, so it is ahead by so much more
        moved.append(sql.SQL("clock_ahead = clock_ahead + %(seconds)s"))
    return sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(moved))
