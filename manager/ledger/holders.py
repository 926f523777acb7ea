"""Says who holds what somebody has waited for in vain, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("holders")
# What one may have to wait for.
TABLES = ("account", "lane", "request", "enrichment")


@dataclass(frozen=True, slots=True)
class Holder:
    """A session with a transaction. `since`: in UTC; what the role may not see is None."""

    pid: int
    application: str | None
    role: str | None
    address: str | None
    since: str | None
    state: str | None

    def __str__(self) -> str:
        named = f" ({self.application})" if self.application else ""
        place = f" from {self.address}" if self.address else ""
        since = f", since {self.since} UTC" if self.since else ""
        state = f", {self.state}" if self.state else ""
        return f"pid {self.pid}{named} of role {self.role}{place}{since}{state}"


def asked(schema: str, waited: float) -> dict[str, Any]:
    """The parameters of the query: of which ledger, after how many seconds of waiting."""
    return {"schema": schema, "tables": list(TABLES), "waited": waited}


def who_holds(connection: Connection[Any], schema: str, waited: float) -> str:
    """Who holds it, for whoever has waited; empty when nobody can be named.

    The connection must be in no transaction that has failed.
    """
    try:
        return named(rows(connection, SQL.holders, Holder, asked(schema, waited)))
    except psycopg.Error:
        return ""


def named(holders: Sequence[Holder]) -> str:
    """It is held by so and so."""
    one_of = "one of these: " if len(holders) > 1 else ""
    return f"It is held by {one_of}{'; '.join(map(str, holders))}." if holders else ""
