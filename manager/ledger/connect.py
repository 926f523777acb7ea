"""Connections to the ledger.

A step opens one connection and closes it: no pool to be shared by mistake across a fork, no
stale connection after Postgres was restarted. What a session needs is in `manager.ledger.session`.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction, UndefinedTable

from manager.errors import ConfigurationError, EnrichdError, NotRunningError, UnavailableError
from manager.ledger import pooler, rights, session
from manager.ledger.execute import execute, one, perform
from manager.ledger.script import Script, run, run_async
from manager.ledger.session import Server
from manager.ledger.sql import Statements
from manager.settings import Settings, installation
from manager.settings.postgres import parameters, where

SQL = Statements("session")
# A machine or a network that is gone is noticed within half a minute.
PARAMETERS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
LONGEST_NAME = 63
BROKEN_OFF = (psycopg.OperationalError, ReadOnlySqlTransaction)
"""What ends a conversation with Postgres that may go well when it is begun anew."""
_OVERTURE = re.compile(r"^connection failed: (connection to server .*? failed: )?")
_EACH_HOST = re.compile(r"^- host: '(.*?)', port: '(.*?)'.* failed: (.*)$", re.MULTILINE)


def process_name(role: str, also: str = "") -> str:
    """What a connection calls itself, in pg_stat_activity and in the jobs' history.

    With a colon: the schema knows a process of the first release by its having none.
    also: the URL's own application_name, which comes last.
    """
    tail = f":{os.getpid()}" + f" {also[:30]}".rstrip()
    return f"enrichd:{role} {socket.gethostname()}"[: LONGEST_NAME - len(tail)] + tail


def connection_arguments(settings: Settings, role: str) -> dict[str, Any]:
    """Keyword arguments for psycopg's connect; what the URL gives itself stays."""
    given = parameters(settings.postgres)
    ours = {name: value for name, value in PARAMETERS.items() if name not in given}
    return {
        "conninfo": settings.postgres,
        "autocommit": True,
        "application_name": process_name(role, given.get("application_name", "")),
        **ours,
    }


def connect(settings: Settings, role: str, **arguments: Any) -> Connection[Any]:
    """A new session of ours. Behind a pooler nothing is set in it: see `Ledger.connect`.

    arguments: others for psycopg's connect. Raises UnavailableError and ConfigurationError.
    """
    return _connect(settings, role, **arguments)[0]


def _connect(settings: Settings, role: str, **arguments: Any) -> tuple[Connection[Any], Server]:
    try:
        connection = psycopg.connect(**connection_arguments(settings, role) | arguments)
        try:
            server = run(connection, _set_up(connection, settings))
            connection.isolation_level = session.ISOLATION
            connection.read_only = False
        except BaseException:
            connection.close()
            raise
    except BROKEN_OFF as error:
        raise unavailable(error, settings) from None
    return connection, server


async def connect_async(
    settings: Settings, role: str, **arguments: Any
) -> tuple[AsyncConnection[Any], Server]:
    """`connect` for asyncio, and the server that was reached."""
    try:
        connection = await AsyncConnection.connect(
            **connection_arguments(settings, role) | arguments
        )
        try:
            server = await run_async(connection, _set_up(connection, settings))
            await connection.set_isolation_level(session.ISOLATION)
            await connection.set_read_only(False)
        except BaseException:
            await connection.close()
            raise
    except BROKEN_OFF as error:
        raise unavailable(error, settings) from None
    return connection, server


def _set_up(
    connection: Connection[Any] | AsyncConnection[Any], settings: Settings
) -> Script[Server]:
    """Look at what a new connection has reached, and set what its session needs."""
    session.refuse_unsupported(connection.info, settings)
    found: list[Server] = yield session.start(settings, connection.info.backend_pid)
    [server] = found
    session.refuse_standby(server, settings)
    if pooler.is_pooled(connection, server):
        connection.prepare_threshold = None
        yield from pooler.refuse_statement_mode(settings)
    return server


def unavailable(error: psycopg.DatabaseError, settings: Settings) -> EnrichdError:
    """The same without the URL's password: an UnavailableError, or what the URL has done wrong."""
    text = str(error).strip()
    if "unsupported startup parameter: options" in text:
        return ConfigurationError(
            f"The pooler at {where(settings.postgres)} refuses the options of database_url. Take "
            "them out, or let PgBouncer have ignore_startup_parameters = options."
        )
    if stopped := installation.not_running(settings.data_dir, settings.postgres):
        return NotRunningError(stopped)
    several = _EACH_HOST.findall(text)
    first = _OVERTURE.sub("", text.splitlines()[0]) if text else "no answer"
    why = "; ".join(f"{host}:{port}: {reason}" for host, port, reason in several) or first
    return UnavailableError(f"Postgres at {where(settings.postgres)} cannot be reached: {why}")


class Ledger:
    """Opens connections whose search_path is the ledger's schema."""

    def __init__(self, settings: Settings, role: str) -> None:
        self._settings = settings
        self._role = role
        self._keeps_sessions: bool | None = None

    @contextmanager
    def connect(self) -> Iterator[Connection[Any]]:
        """A connection in autocommit mode, closed at the end; where a pooler in transaction mode
        keeps no session, all is one transaction. Raises UnavailableError and ConfigurationError,
        also for a right that the role turns out to lack.
        """
        connection, server = _connect(self._settings, self._role)
        with connection, self._naming_rights():
            if not pooler.is_pooled(connection, server):
                yield connection
            elif self._sessions(connection):
                perform(connection, session.start(self._settings, server.pid))
                yield connection
            else:
                with connection.transaction():
                    perform(connection, session.in_transaction(self._settings))
                    yield connection

    def check_for_daemon(self) -> None:
        """Raise ConfigurationError where the daemon cannot work: a pooler that keeps no sessions,
        or a role that lacks a right.
        """
        with self.connect() as connection:
            self._refuse_transaction_mode()
            rights.check(connection, self._settings)

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
        Raises ConfigurationError where a pooler keeps no sessions.
        """
        with self.connect() as connection:
            self._refuse_transaction_mode()
            locked = one(connection, SQL.lock_job, bool, {"id": str(job_id)})
            try:
                yield connection if locked else None
            finally:
                unlock(connection)

    def _refuse_transaction_mode(self) -> None:
        if self._keeps_sessions is False:
            raise ConfigurationError(
                f"Postgres at {where(self._settings.postgres)} is reached through a pooler in "
                "transaction mode, where no session lasts; the daemon needs some, to listen and to "
                "lock jobs. Give it a direct database_url, or a pool in session mode; callers can "
                "stay where they are."
            )

    @contextmanager
    def _naming_rights(self) -> Iterator[None]:
        """Say which right is missing, and how to grant it. Without USAGE there are no tables."""
        try:
            yield
        except (InsufficientPrivilege, UndefinedTable) as error:
            with _connect(self._settings, self._role)[0] as another:
                refusal = run(another, rights.refusal(self._settings, error))
            if refusal is None:
                raise
            raise refusal from None

    def _sessions(self, connection: Connection[Any]) -> bool:
        if self._keeps_sessions is None:
            with _connect(self._settings, self._role)[0] as another:
                self._keeps_sessions = pooler.keeps_sessions(connection, another)
        return self._keeps_sessions


def unlock(connection: Connection[Any]) -> None:
    """Free the session's locks at once, not when the server notices that it has ended."""
    with suppress(*BROKEN_OFF):
        execute(connection, SQL.unlock)


def limit_waiting(connection: Connection[Any], seconds: float) -> None:
    """Let the transaction wait no longer than that for what a caller's transaction holds.

    It raises LockNotAvailable then, and is tried again later; callers may take their time.
    """
    execute(connection, SQL.lock_timeout, {"value": f"{int(seconds * 1000)}ms"})
