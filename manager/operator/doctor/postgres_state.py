"""How a ledger that has been at work for a while stands: size, dead rows, connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from manager.ledger.execute import first, one, rows
from manager.ledger.sql import Statements
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, ok, warning
from manager.operator.words import duration, size

SQL = Statements("doctor")
# More dead rows than that, in parts of all and in number, are a sign that autovacuum lags behind.
DEAD_SHARE, DEAD_LEAST = 0.4, 50_000
# Parts of all connections that may be used before it is told.
CONNECTIONS = 0.8
# Seconds for which a transaction may be open.
LONG = 600.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the whole database and of the ledger, and the ledger's largest tables."""

    database: int
    ledger: int
    largest: list[str]


@dataclass(frozen=True, slots=True)
class Dead:
    """A table with many dead rows; vacuumed so many seconds ago, None: never."""

    name: str
    dead: int
    live: int
    vacuumed_ago: float | None


@dataclass(frozen=True, slots=True)
class Wraparound:
    """Age of the oldest row that was not frozen, in transactions, and when Postgres acts."""

    age: int
    most: int


@dataclass(frozen=True, slots=True)
class Connections:
    """How many are used, by us among them, and how many there may be."""

    used: int
    ours: int
    most: int


@dataclass(frozen=True, slots=True)
class Oldest:
    """The transaction that has been open for longest."""

    seconds: float
    application_name: str
    state: str | None
    pid: int


def _size(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    with case.asking(connection):
        found = one(connection, SQL.sizes, Sizes, {"schema": case.settings.database_schema})
    if found.largest:
        largest = f"; the largest tables are {', '.join(found.largest)}"
        yield ok("size", f"{size(found.ledger)} of the database's {size(found.database)}{largest}")


def _dead_rows(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    parameters: dict[str, Any] = {
        "schema": case.settings.database_schema,
        "share": DEAD_SHARE,
        "least": DEAD_LEAST,
    }
    with case.asking(connection):
        dead = rows(connection, SQL.dead_rows, Dead, parameters)
        frozen = one(connection, SQL.wraparound, Wraparound, {})
        autovacuum = one(connection, SQL.autovacuum, str, {})
    for it in dead:
        ago = "never" if it.vacuumed_ago is None else f"{duration(it.vacuumed_ago)} ago"
        yield warning(
            "dead rows",
            f"table {it.name} has {it.dead:,} dead rows beside {it.live:,}; it was vacuumed {ago}",
            f"See whether a transaction is open for long; VACUUM {it.name}; give autovacuum more.",
        )
    if autovacuum != "on":
        yield warning("autovacuum", "it is off: dead rows are never removed", "Set it to on.")
    if frozen.age > 2 * frozen.most:
        yield warning(
            "wraparound",
            f"the oldest row was not frozen for {frozen.age:,} transactions; Postgres stops at "
            "two billion",
            "VACUUM the database, and see what keeps autovacuum from it.",
        )
    if not dead and autovacuum == "on":
        yield ok("dead rows", "few")


def _connections(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    with case.asking(connection):
        found = one(connection, SQL.connections, Connections, {})
    text = f"{found.used} of {found.most} used, {found.ours} of them by the daemon and its callers"
    if found.used > CONNECTIONS * found.most:
        yield warning(
            "connections",
            f"{text}: soon nobody gets another",
            "Raise max_connections, or see who holds so many.",
        )
    else:
        yield ok("connections", text)


def _long_transactions(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    with case.asking(connection):
        found = first(connection, SQL.oldest_transaction, Oldest, {})
    if found and found.seconds > LONG:
        yield warning(
            "transactions",
            f"one is open for {duration(found.seconds)} (pid {found.pid}, "
            f"{found.application_name or 'without a name'}, {found.state or 'not ours to see'}): "
            "meanwhile no dead row is removed, and who enqueues the same may have to wait",
            f"End it where it is, or SELECT pg_terminate_backend({found.pid}).",
        )


STATE = (_size, _dead_rows, _connections, _long_transactions)
