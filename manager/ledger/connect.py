"""Connections to the ledger.

A step opens one connection and closes it: no pool to be shared by mistake across a fork, no
stale connection after Postgres was restarted. Session locks need a direct connection (not
PgBouncer in transaction mode).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor
from psycopg.rows import namedtuple_row

from manager import faultpoint
from manager.errors import UnavailableError
from manager.settings import Settings

# A worker that was stopped in the middle of a transaction must not hold its rows for ever.
_SESSION = "-c idle_in_transaction_session_timeout=60000"


def process_name(role: str) -> str:
    """What a connection calls itself, in pg_stat_activity and in the jobs' history."""
    return f"enrichd {role} {socket.gethostname()}:{os.getpid()}"[:63]


def connection_arguments(settings: Settings, role: str) -> dict[str, Any]:
    """Keyword arguments for psycopg's connect: search_path, name, keep-alives."""
    return {
        "conninfo": settings.postgres,
        "autocommit": True,
        "connect_timeout": 5,
        "application_name": process_name(role),
        "options": f"-c search_path={settings.database_schema} {_SESSION}",
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def unavailable(error: psycopg.OperationalError, settings: Settings) -> UnavailableError:
    """The same without the URL's password."""
    info = psycopg.conninfo.conninfo_to_dict(settings.postgres)
    where = f"{info.get('host', 'localhost')}:{info.get('port', 5432)}/{info.get('dbname', '')}"
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
    return UnavailableError(f"Postgres at {where} cannot be reached: {first}")


class Ledger:
    """Opens connections whose search_path is the ledger's schema."""

    def __init__(self, settings: Settings, role: str) -> None:
        self._settings = settings
        self._role = role

    @contextmanager
    def connect(self) -> Iterator[Connection[Any]]:
        """A connection in autocommit mode, closed at the end. Raises UnavailableError."""
        try:
            connection = psycopg.connect(**connection_arguments(self._settings, self._role))
        except psycopg.OperationalError as error:
            raise unavailable(error, self._settings) from None
        with connection:
            yield connection

    @contextmanager
    def lock_job(self, job_id: UUID) -> Iterator[Connection[Any] | None]:
        """The only connection that works on the job; None when another one does.

        The lock belongs to the session: when the process or its connection dies it is free.
        """
        with self.connect() as connection:
            locked = one(
                connection,
                "SELECT pg_try_advisory_lock("
                "hashtextextended(current_schema() || %(id)s, 0)) AS locked",
                {"id": str(job_id)},
            )
            try:
                yield connection if locked.locked else None
            finally:  # at once, not when the server has noticed that the connection is closed
                with suppress(psycopg.OperationalError):
                    connection.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def transaction(connection: Connection[Any], name: str) -> Iterator[None]:
    """A transaction with fault points around its commit: `before NAME.commit` and after."""
    with connection.transaction():
        yield
        faultpoint.reach(f"before {name}.commit")
    faultpoint.reach(f"after {name}.commit")


def cursor(connection: Connection[Any]) -> Cursor[Any]:
    """A cursor with named rows, whatever factories the connection was made with."""
    return Cursor(connection, row_factory=namedtuple_row)


def rows(connection: Connection[Any], sql: Any, parameters: dict[str, Any]) -> list[Any]:
    """All rows that a query returns."""
    return _run(connection, sql, parameters).fetchall()


def first(connection: Connection[Any], sql: Any, parameters: dict[str, Any]) -> Any:
    """The first row that a query returns, or None."""
    return _run(connection, sql, parameters).fetchone()


def one(connection: Connection[Any], sql: Any, parameters: dict[str, Any]) -> Any:
    """The row of a query that always returns one."""
    row = first(connection, sql, parameters)
    assert row is not None
    return row


def execute(connection: Connection[Any], sql: Any, parameters: dict[str, Any]) -> int:
    """Run a statement; the number of rows it touched."""
    return _run(connection, sql, parameters).rowcount


def _run(connection: Connection[Any], sql: Any, parameters: dict[str, Any]) -> Cursor[Any]:
    with faultpoint.around(getattr(sql, "name", "unnamed")):
        return cursor(connection).execute(sql, parameters)
