"""Size: what the ledger's tables take, and what retention would free."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from manager.ledger.connect import Ledger
from manager.ledger.execute import one, rows
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.retain import bounds_of, parameters_of

SQL = Statements("size")
# Tables of less than so many bytes are counted; of those with more rows than that a share is looked
# at.
SMALL, SAMPLED = 8 * 2**20, 200_000
# What a limit is of, and its table, where its statement counts nothing else.
COUNTED = {
    "jobs": "job",
    "events": "job_event",
    "strays": "stray",
    "vendor_jobs": "vendor_job",
    "notices": "notice",
    "actions": "operator_action",
    "stats": "day_counter",
}


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table: rows, of which dead ones wait for a vacuum, and bytes."""

    name: str
    rows: int
    exact: bool
    heap: int
    indexes: int
    toast: int
    dead: int
    vacuumed_at: datetime | None

    @property
    def bytes(self) -> int:
        """All that it takes."""
        return self.heap + self.indexes + self.toast


@dataclass(frozen=True, slots=True)
class Pass:
    """How far retention has come in a table, or came the last time."""

    name: str
    under_way: bool
    began_at: datetime | None
    ended_at: datetime | None
    seconds: float
    removed: int


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests that would go, with their items."""

    requests: int
    items: int


@dataclass(frozen=True, slots=True)
class Enrichments:
    """Enrichments and results that would go."""

    enrichments: int
    results: int


@dataclass(frozen=True, slots=True)
class Size:
    """Tables, the largest first; by table how many rows retention would free."""

    tables: list[TableSize]
    frees: dict[str, int]
    passes: list[Pass]

    def freed_bytes(self, table: TableSize) -> int:
        """About how many bytes of the table those rows take."""
        return self.frees.get(table.name, 0) * table.bytes // max(table.rows, 1)


def size(settings: Settings) -> Size:
    """What is there, and what retention would free by the settings' limits."""
    with Ledger(settings, "cli").connect() as connection:
        tables = rows(connection, SQL.tables, TableSize, {"small": SMALL})
        passes = rows(connection, SQL.passes, Pass, {})
        known = {it.name: it.rows for it in tables}
        return Size(tables, _frees(connection, settings, known), passes)


def _frees(
    connection: Connection[Any], settings: Settings, known: dict[str, int]
) -> dict[str, int]:
    bounds = bounds_of(settings)

    def parameters(name: str, table: str) -> dict[str, Any]:
        return parameters_of(connection, bounds, name) | {"percent": _percent(known[table])}

    def scaled(count: int, table: str) -> int:
        return round(count * 100 / _percent(known[table]))

    frees: dict[str, int] = {}
    old = parameters("requests", "request")
    if bounds["requests"].set:
        requests = one(connection, SQL.requests, Requests, old)
        frees["request"] = scaled(requests.requests, "request")
        frees["request_item"] = scaled(requests.items, "request")
    if any(bounds[it].set for it in ("requests", "results", "enrichments")):
        sought = parameters("enrichments", "enrichment")
        sought |= {"requests_age": old["age"], "requests_beyond": old["beyond"]}
        enrichments = one(connection, SQL.enrichments, Enrichments, sought)
        frees["enrichment"] = scaled(enrichments.enrichments, "enrichment")
        frees["result"] = scaled(enrichments.results, "enrichment")
    for name, table in COUNTED.items():
        if bounds[name].set:
            statement: LiteralString = getattr(SQL, name)
            count = one(connection, statement, int, parameters(name, table))
            frees[table] = scaled(count, table)
    return frees


def _percent(known: int) -> float:
    """Of how much of a table to look at."""
    return min(100.0, 100.0 * SAMPLED / max(known, 1))
