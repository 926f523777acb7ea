"""A ledger with life in it, written in a moment: what an hour's work of a daemon would leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from manager import Manager, Settings

HOSTILE = (
    "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)> \u202eevil\u202c "
)
SQL = Path(__file__).with_name("life.sql").read_text()
LONG = HOSTILE + "x" * 5_000
NAMES = ("stripe.com", "openai.com", "spotify.com", "nasa.gov", "ikea.com", "python.org")


def run(settings: Settings, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """A statement on the ledger, and its rows."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute("SET application_name = 'enrichd:test'")
        cursor = connection.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


def enliven(settings: Settings) -> list[UUID]:
    """Requests, jobs that run and have run, results, others' jobs, strays; the requests' ids."""
    with Manager(settings) as manager:
        made = [
            manager.enqueue("domains", [*NAMES, *(f"company-{n}.example" for n in range(300))],
                            fields=["headcount.total"], metadata={"team": "growth", "run": 7},
                            tag="growth",
                            idempotency_key="nightly-2026-11-26"),
            manager.enqueue("domains", [f"other-{n}.example" for n in range(60)], priority=5,
                            fields=["headcount.total"], metadata={"team": "sales"}, tag="sales"),
            manager.enqueue("names", ["Stripe", "Ikea of Sweden"]),
        ]  # fmt: skip
    run(settings, SQL)
    return [it.id for it in made]
