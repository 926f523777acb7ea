"""What the tests of the web read and write in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from manager import Settings

LATER = datetime.now(UTC) + timedelta(hours=1)


def run(settings: Settings, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """A statement on the ledger, and its rows."""
    with psycopg.connect(settings.postgres, row_factory=dict_row) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        cursor = connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def job(settings: Settings) -> dict[str, Any]:
    """The one job."""
    [found] = run(settings, "SELECT * FROM job")
    return found


def look_at(settings: Settings) -> datetime:
    """When the vendor is to be looked at, for the job's account."""
    [found] = run(settings, "SELECT look_at FROM account JOIN job ON job.account_id = account.id")
    return datetime.fromisoformat(str(found["look_at"]))
