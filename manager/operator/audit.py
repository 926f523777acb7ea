"""What operators have done: all of it, or to one object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("audit")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One action. `filter` is a URL's query, `counts` what was touched."""

    id: int
    at: datetime
    who: str
    via: str
    why: str | None
    action: str
    filter: str
    arguments: dict[str, Any]
    counts: dict[str, int]


def done_to(
    connection: Connection[Any], kind: str, object: object, limit: int = 100
) -> list[Recorded]:
    """What operators have done to an object, the last first."""
    parameters = {
        "kind": kind,
        "object": str(object),
        "enrichment_id": int(str(object)) if kind == "enrichment" else None,
        "limit": limit,
    }
    return rows(connection, SQL.done_to, Recorded, parameters)


def last(
    connection: Connection[Any], before: int | None = None, limit: int = 100
) -> list[Recorded]:
    """What operators have done, the last first; before: the id of the last one that was shown."""
    return rows(connection, SQL.last, Recorded, {"before": before, "limit": limit})
