"""Postgres: whether the ledger can live there, and how well it does.

Everything is asked in read-only transactions on a session that nothing was set in, so it shows
the defaults as they are; a standby and a schema of any age will do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from manager.errors import ConfigurationError, UnavailableError
from manager.ledger import revision, session
from manager.ledger.execute import first, one, rows
from manager.ledger.pooler import is_pooled, keeps_sessions
from manager.ledger.rights import SQL as RIGHTS
from manager.ledger.session import refuse_unsupported
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.doctor.postgres_state import SQL, STATE
from manager.operator.doctor.reach import is_local
from manager.operator.words import duration
from manager.settings.postgres import options, where

# Seconds that a round trip may take: each step of the daemon makes several.
SLOW = 0.1
SKEW = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """What server it is."""

    pid: int
    in_recovery: bool
    role: str
    superuser: bool
    now: datetime
    fsync: str
    full_page_writes: str


@dataclass(frozen=True, slots=True)
class Encrypted:
    """How the session is encrypted."""

    ssl: bool
    version: str | None
    cipher: str | None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as the session was given it."""

    name: str
    value: str


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    try:
        connection = case.connect()
    except UnavailableError as error:
        yield problem(
            "reached",
            str(error),
            "See that it runs, and that database_url has its host, port, database and password.",
        )
        return
    except ConfigurationError as error:
        yield problem("database_url", str(error), "Nothing works without it.")
        return
    with connection:
        checks = (_reached, _version, _server, _tls, _pooler, _defaults, _rights, _migrations)
        yield from each((*checks, *STATE), case, connection)


def _reached(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    took = []
    for _ in range(3):
        began = time.monotonic()
        connection.execute("SELECT 1")
        took.append(time.monotonic() - began)
    text = f"{where(case.settings.postgres)}; a round trip takes {duration(min(took))}"
    if min(took) > SLOW:
        yield warning(
            "reached",
            f"{text}: an enqueue makes several, and each step of the daemon some ten",
            "Run the daemon nearer to Postgres.",
        )
    else:
        yield ok("reached", text)


def _version(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    version = connection.info.parameter_status("server_version") or "unknown"
    encoding = connection.info.parameter_status("server_encoding")
    try:
        refuse_unsupported(connection.info, case.settings)
    except ConfigurationError as error:
        yield problem("version", str(error), "The daemon does not start with it.")
        return
    supported = f"{session.OLDEST} to {session.NEWEST}"
    if connection.info.server_version // 10_000 > session.NEWEST:
        yield warning(
            "version",
            f"{version}, newer than what was tried ({supported})",
            "Watch the log; upgrade this program when a release names it.",
        )
    else:
        yield ok("version", f"{version}, one of {supported}; the database's encoding is {encoding}")


def _server(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    began = datetime.now(UTC)
    with case.asking(connection):
        found = one(connection, SQL.server, Server, {})
    middle = began + (datetime.now(UTC) - began) / 2
    if found.in_recovery:
        yield problem(
            "role",
            "it is a standby in recovery, which takes no writes",
            "Let database_url name the primary, or all hosts with target_session_attrs=read-write.",
        )
    if "off" in (found.fsync, found.full_page_writes):
        yield warning(
            "durability",
            f"fsync is {found.fsync}, full_page_writes {found.full_page_writes}: when the machine "
            "crashes the ledger may be lost or broken, and what it has bought with it",
            "Set both to on; off is for tests.",
        )
    ahead = (found.now - middle).total_seconds()
    if abs(ahead) > SKEW:
        yield warning(
            "clock",
            f"the server's is {duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this "
            "machine's. The daemon goes by the server's; log lines and the ledger tell two times",
            "Let both clocks be set (NTP).",
        )
    else:
        yield ok("clock", f"the server's and this machine's agree to {duration(abs(ahead))}")


def _tls(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    if is_local(connection.info):
        yield ok("TLS", "not needed: it is on this machine")
        return
    with case.asking(connection):
        found = first(connection, SQL.encrypted, Encrypted, {})
    mode = connection.info.get_parameters().get("sslmode", "prefer")
    if not (found and found.ssl):
        yield warning(
            "TLS",
            f"the connection to {connection.info.host} is not encrypted (sslmode={mode}), or a "
            "pooler's is that the server sees: the password's proof and all data go in clear",
            "Add sslmode=verify-full and sslrootcert=/path/ca.pem to database_url.",
        )
    elif mode != "verify-full":
        yield warning(
            "TLS",
            f"{found.version}, but sslmode={mode} does not verify that it is the server that is "
            "meant",
            "Set sslmode=verify-full and sslrootcert in database_url.",
        )
    else:
        yield ok("TLS", f"{found.version} ({found.cipher}), verified")


def _pooler(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    with case.asking(connection):
        pid = one(connection, SQL.server, Server, {}).pid
    if not is_pooled(connection, session.Server(pid, False, 0)):
        yield ok("pooler", "none: the connection is direct")
        return
    with case.connect() as another:
        keeps = keeps_sessions(connection, another)
    if keeps:
        yield ok("pooler", "there is one, in session mode")
    else:
        yield problem(
            "pooler",
            "there is one in transaction mode: callers can enqueue and read through it, the daemon "
            "cannot work, since its locks and its LISTEN need sessions",
            "Give the daemon a database_url that leads to Postgres itself, or to a pool in "
            "session mode.",
        )


def _defaults(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    """What the database's or role's defaults are that each session of ours sets otherwise."""
    wanted = session.FORM | session.STATEMENT | session.TRANSACTION | session.SESSION
    wanted = {name: value for name, value in wanted.items() if not name.startswith("tcp_")}
    parameters = {"names": [name.lower() for name in wanted]}
    with connection.transaction():
        found = {
            it.name.lower(): it.value for it in rows(connection, SQL.settings, Setting, parameters)
        }
    stays = options(case.settings.postgres)
    differ = [
        f"{name} {found[name.lower()]}"
        for name, value in wanted.items()
        if name.lower() in found and name.lower() not in stays and _differs(name, found, value)
    ]
    if differ:
        yield ok("defaults", f"{', '.join(differ)}: each session of ours sets its own")
    else:
        yield ok("defaults", "as the ledger needs them")
    for name, value in stays.items():
        if name in {"statement_timeout", "transaction_timeout", "lock_timeout"} and value != "0":
            yield warning(
                "options",
                f"{name}={value} in database_url stays: what takes longer is cut off, such as a "
                "large enqueue or merge, and is tried again and again",
                "Take it out of database_url, unless it is long enough for the largest of them.",
            )


def _differs(name: str, found: dict[str, str], wanted: str) -> bool:
    """Whether a default would do harm where nothing is set over it."""
    value = found[name.lower()]
    match name:
        case "DateStyle":
            return not value.startswith(wanted)
        case "synchronous_commit":
            return value == "off"
        case "extra_float_digits":
            return int(value) < int(wanted)
        case "idle_in_transaction_session_timeout":
            return value not in ("0", "1min", wanted)
        case _:
            return value.lower() != wanted.lower()


def _rights(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    parameters = {"schema": case.settings.database_schema, "tables": list(_our_tables())}
    with case.asking(connection):
        server = one(connection, SQL.server, Server, {})
        lacking = rows(connection, RIGHTS.lacking, str, parameters)
        to_migrate = rows(connection, RIGHTS.lacking_to_migrate, str, parameters)
    if lacking:
        yield problem(
            "rights",
            f"role {server.role} may not do all that the daemon and callers must",
            f"Let an owner or superuser run: {'; '.join(lacking + to_migrate)}.",
        )
    elif to_migrate:
        yield warning(
            "rights",
            f"role {server.role} may work on the ledger, but not change its schema, as `enrichd db "
            "upgrade` and `up` must when there is a newer one",
            f"Let an owner or superuser run: {'; '.join(to_migrate)}.",
        )
    else:
        more = ", as a superuser; one that owns the schema is enough" if server.superuser else ""
        yield ok("rights", f"role {server.role} has all that are needed{more}")


def _migrations(case: Case, connection: Connection[Any]) -> Iterator[Finding]:
    schema, newest = case.settings.database_schema, revision.newest()
    with case.asking(connection):
        have = revision.current(connection, schema)
        tables = set(revision.tables(connection, schema))
    if have == newest:
        yield ok("migrations", f"schema {schema} is at revision {have}, the newest")
    elif have in revision.known():
        yield problem(
            "migrations",
            f"schema {schema} is at revision {have}, this program needs {newest}",
            "Run `enrichd db upgrade`; it is safe beside a running daemon.",
        )
    elif have is not None:
        yield ok(
            "migrations",
            f"schema {schema} is at revision {have}, which only a newer release knows; this one "
            "works on it",
        )
    elif taken := sorted(tables & _our_tables()):
        yield problem(
            "migrations",
            f"schema {schema} holds tables of another program, which have names of the ledger's: "
            f"{', '.join(taken)}",
            "Give the ledger a schema of its own: database_schema.",
        )
    else:
        beside = f", beside {len(tables)} tables of others" if tables else ""
        yield problem(
            "migrations",
            f"there is no ledger in schema {schema} yet{beside}",
            "Run `enrichd up` or `enrichd db upgrade`; or correct database_schema.",
        )


def _our_tables() -> set[str]:
    from manager.ledger.models import LedgerModel  # here: it takes a second

    return {table.name for table in LedgerModel.metadata.sorted_tables}
