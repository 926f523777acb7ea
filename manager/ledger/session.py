"""What a session, or a transaction, of ours asks of Postgres instead of trusting its defaults.

A database or a role may have any default: another DateStyle, REPEATABLE READ, a statement_timeout
of a second. All that matters to us is set after connecting, in one statement; never by options of
ours at the start, which poolers refuse. What the URL's own `options` give of the time-outs stays.

    a session of ours            start(): for the session, and answered with what server it is
    a transaction of ours,
    perhaps through a pooler     in_transaction(): until its end; it begins as ISOLATION says
    a caller's transaction       borrow(), then give_back()
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import ConnectionInfo, IsolationLevel

from manager.errors import ConfigurationError, UnavailableError
from manager.ledger.execute import Execute
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.settings.postgres import options, where

SQL = Statements("session")
OLDEST, NEWEST = 15, 18
ISOLATION = IsolationLevel.READ_COMMITTED

# What is read and written means the same whatever the defaults are. The encoding comes first, so
# that the statement's own answer has it already.
FORM = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",  # a day of max_age has 24 hours
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "array_nulls": "on",
}
# An enqueue of millions and a merge take their time; what waits for a lock says itself how long.
STATEMENT = {"statement_timeout": "0", "lock_timeout": "0"}
# What is bought must be written down for good: `on` where it is `off`, else it is the operator's.
# A process that was stopped in the middle of a transaction must not hold its rows for ever.
TRANSACTION = {
    "synchronous_commit": "on",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
}
# The server must notice that a machine is gone, whose locks others wait for.
SESSION = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
    "jit": "off",  # steps run short statements, which would be compiled for longer than they run
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True, slots=True)
class Server:
    """What a new connection has reached. `pid`: of the backend; `set`: how much was set."""

    pid: int
    in_recovery: bool
    set: int


@dataclass(frozen=True, slots=True)
class Before:
    """What a setting was before, and what it is now."""

    name: str
    before: str
    now: str


def start(settings: Settings, pid: int, **more: str) -> Execute:
    """Set all for the session, if its backend is `pid`; answered with a Server.

    more: settings besides, such as lock_timeout.
    Through a pooler the connection's own `info.backend_pid` is not the backend's, and nothing is
    left behind there: another client's session may be next in it. With the Server's pid it is set
    all the same, as is right where a pooler keeps sessions apart.
    """
    return _set(settings, FORM | STATEMENT | TRANSACTION | SESSION | more, pid)


def in_transaction(settings: Settings, **more: str) -> Execute:
    """Set all until the end of the transaction; answered with a Server.

    more: settings besides, such as lock_timeout.
    Its isolation cannot be set so late: `ISOLATION` and read-write are attributes of a connection
    of ours, and psycopg's BEGIN names them.
    """
    return _set(settings, FORM | STATEMENT | TRANSACTION | more, 0)


def borrow(settings: Settings, **more: str) -> Execute:
    """In a caller's transaction: set what our statements need; answered with Before.

    more: settings besides, such as lock_timeout. Its commit, its isolation and its time-outs as a
    whole stay the caller's. Put back by `give_back`.
    """
    wanted = FORM | STATEMENT | {"search_path": search_path(settings)} | more
    return swap(**wanted)


def swap(**wanted: str) -> Execute:
    """Set these until the end of the transaction; answered with Before, for `give_back`."""
    return _swap(wanted)


def give_back(taken: Iterable[Before]) -> Execute:
    """Set what `borrow` found there; after an error the savepoint does so by itself."""
    return _swap({it.name: it.before for it in taken})


def search_path(settings: Settings) -> str:
    """The ledger's schema; temporary tables come last, so that none can hide one of ours."""
    return f'"{settings.database_schema}", pg_temp'


def refuse_unsupported(info: ConnectionInfo, settings: Settings) -> None:
    """Raise ConfigurationError for a server or a database that the ledger cannot live in.

    It takes no round trip: the server has told when the connection was made.
    """
    version = info.server_version // 10_000
    place = where(settings.postgres)
    if version < OLDEST:
        raise ConfigurationError(
            f"Postgres at {place} is version {version}; the ledger needs {OLDEST} or newer (tried "
            f"up to {NEWEST}). Upgrade it, or let database_url name a newer one."
        )
    encoding = info.parameter_status("server_encoding") or "UTF8"
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database at {place} is encoded in {encoding}, which cannot hold every name; the "
            "ledger needs UTF8. Make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        )


def refuse_standby(server: Server, settings: Settings) -> None:
    """Raise UnavailableError when the server takes no writes."""
    if server.in_recovery:
        raise UnavailableError(
            f"Postgres at {where(settings.postgres)} is a standby in recovery, which takes no "
            "writes. Let database_url name the primary, or all hosts with "
            "target_session_attrs=read-write."
        )


def _set(settings: Settings, wanted: dict[str, str], pid: int) -> Execute:
    given = options(settings.postgres)
    wanted = {name: value for name, value in wanted.items() if name.lower() not in given}
    wanted |= {"search_path": search_path(settings)}
    parameters = {"names": list(wanted), "values": list(wanted.values()), "pid": pid}
    return Execute(SQL.start, parameters, Server)


def _swap(wanted: dict[str, str]) -> Execute:
    return Execute(SQL.swap, {"wanted": json.dumps(wanted)}, Before)
