"""Whether a pooler stands between us and Postgres, and whether it keeps sessions apart.

PgBouncer in session mode does; in transaction mode each transaction may get another backend, so
what belongs to a session (LISTEN, the locks on jobs) is lost or, worse, found by others.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from psycopg import AsyncConnection, Connection
from psycopg.errors import ProtocolViolation

from manager.errors import ConfigurationError
from manager.ledger.execute import Execute, execute
from manager.ledger.script import Script
from manager.ledger.session import Server
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.settings.postgres import where

SQL = Statements("pooler")

# Seconds in which a notification comes for certain, also on a busy machine.
HEARD_WITHIN = 5.0


def is_pooled(connection: Connection[Any] | AsyncConnection[Any], server: Server) -> bool:
    """Whether the backend is another one than the connection was told of: a pooler has told it."""
    return connection.info.backend_pid != server.pid


def refuse_statement_mode(settings: Settings) -> Script[None]:
    """Raise ConfigurationError where no transaction can be begun."""
    try:
        yield Execute(SQL.begin)
        yield Execute(SQL.commit)
    except ProtocolViolation:
        raise ConfigurationError(
            f"Postgres at {where(settings.postgres)} is reached through a pooler in statement "
            "mode, which knows no transactions. Use a pool in session mode, or, for callers, in "
            "transaction mode."
        ) from None


def keeps_sessions(connection: Connection[Any], another: Connection[Any]) -> bool:
    """Whether a notification reaches who listens; both connections are pooled, in autocommit.

    In session mode it comes at once. In transaction mode the one that notifies is mostly given the
    backend that listens, and hears itself; else nobody hears.
    """
    nonce = uuid4().hex
    execute(connection, SQL.listen)
    try:
        execute(another, SQL.notify, {"nonce": nonce})
        if _hears(another, nonce, 0):
            return False
        return _hears(connection, nonce, HEARD_WITHIN)
    finally:
        for each in (connection, another):
            execute(each, SQL.unlisten)


def _hears(connection: Connection[Any], nonce: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while True:
        left = max(0.0, deadline - time.monotonic())
        if any(it.payload == nonce for it in connection.notifies(timeout=left, stop_after=1)):
            return True
        if not left:
            return False
