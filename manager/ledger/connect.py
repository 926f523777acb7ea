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
from psycopg import Connection
from psycopg.errors import UndefinedTable

from manager.errors import ConfigurationError, UnavailableError
from manager.ledger.execute import execute, one
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("session")
# A worker that was stopped in the middle of a transaction must not hold its rows for ever.
# And the server must notice that a machine is gone, whose locks others wait for.
_SESSION = (
    "-c idle_in_transaction_session_timeout=60000 "
    "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)


def process_name(role: str) -> str:
    """What a connection calls itself, in pg_stat_activity and in the jobs' history.

    With a colon: the schema knows a process of the first release by its having none.
    """
    return f"enrichd:{role} {socket.gethostname()}:{os.getpid()}"[:63]


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

    def id(self) -> str:
        """The ledger's own name, written at its first migration. Raises ConfigurationError."""
        with self.connect() as connection:
            try:
                return str(one(connection, SQL.ledger_id, UUID, {}))
            except UndefinedTable:
                raise ConfigurationError(
                    f"The ledger (schema {self._settings.database_schema}) has no name yet. "
                    "Run `enrichd db upgrade`."
                ) from None

    @contextmanager
    def lock_job(self, job_id: UUID) -> Iterator[Connection[Any] | None]:
        """The only connection that works on the job; None when another one does.

        The lock belongs to the session: when the process or its connection dies it is free.
        """
        with self.connect() as connection:
            locked = one(connection, SQL.lock_job, bool, {"id": str(job_id)})
            try:
                yield connection if locked else None
            finally:
                with suppress(psycopg.OperationalError):
                    execute(connection, SQL.unlock)


def limit_waiting(connection: Connection[Any], seconds: float) -> None:
    """Let the transaction wait no longer than that for what a caller's transaction holds.

    It raises LockNotAvailable then, and is tried again later; callers may take their time.
    """
    execute(connection, SQL.lock_timeout, {"value": f"{int(seconds * 1000)}ms"})
