"""Finds the psycopg connection inside what a caller hands over, so that an enqueue can run in
the caller's own transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection
from psycopg.pq import PipelineStatus, TransactionStatus

from manager.client.holders import naming_holders
from manager.errors import InvalidRequestError
from manager.ledger import session
from manager.ledger.rights import naming_rights
from manager.ledger.scope import in_savepoint, in_transaction
from manager.ledger.script import Script, T
from manager.settings import Settings

C = TypeVar("C", Connection[Any], AsyncConnection[Any])

if TYPE_CHECKING:
    import sqlalchemy
    import sqlalchemy.ext.asyncio
    import sqlalchemy.orm

    SyncSource: TypeAlias = "Connection[Any] | sqlalchemy.Connection | sqlalchemy.orm.Session"
    AsyncSource: TypeAlias = (
        "AsyncConnection[Any] | sqlalchemy.ext.asyncio.AsyncConnection "
        "| sqlalchemy.ext.asyncio.AsyncSession"
    )


def sync_connection(source: SyncSource) -> Connection[Any]:
    """The psycopg connection of a psycopg connection, SQLAlchemy connection or session."""
    if isinstance(source, Connection):
        return _usable(source)
    from sqlalchemy import Connection as Sqlalchemy
    from sqlalchemy.orm import Session, scoped_session

    if isinstance(source, Session | scoped_session):
        source = source.connection()
    if isinstance(source, Sqlalchemy):
        driver = source.connection.driver_connection
        if isinstance(driver, Connection):
            return _usable(driver)
        raise _refusal(driver)
    raise _refusal(source)


async def async_connection(source: AsyncSource) -> AsyncConnection[Any]:
    """The psycopg connection of an async psycopg connection, SQLAlchemy connection or session."""
    if isinstance(source, AsyncConnection):
        return _usable(source)
    from sqlalchemy.ext.asyncio import AsyncConnection as Sqlalchemy
    from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session

    if isinstance(source, AsyncSession | async_scoped_session):
        source = await source.connection()
    if isinstance(source, Sqlalchemy):
        driver = (await source.get_raw_connection()).driver_connection
        if isinstance(driver, AsyncConnection):
            return _usable(driver)
        raise _refusal(driver)
    raise _refusal(source)


def within(
    settings: Settings, connection: Connection[Any] | AsyncConnection[Any], script: Script[T]
) -> Script[T]:
    """The script inside the given connection's transaction; in one of its own if none is open and
    none would be opened, in autocommit mode.
    """
    lock_timeout = in_milliseconds(settings.lock_timeout)
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if connection.autocommit and idle:
        prepare = session.in_transaction(settings, lock_timeout=lock_timeout)
        return explained(settings, in_transaction(script, prepare))
    borrow = [session.borrow(settings, lock_timeout=lock_timeout)]
    if connection.info.encoding != "utf-8":  # by itself: the others are read in it
        borrow.insert(0, session.swap(client_encoding="UTF8"))
    return explained(settings, in_savepoint(script, *borrow))


def explained(settings: Settings, script: Script[T]) -> Script[T]:
    """The script; what it ends with says who holds what it waited for, and how to grant a right."""
    return naming_rights(settings, naming_holders(settings, script))


def in_milliseconds(seconds: float) -> str:
    """A time span as Postgres's settings have it."""
    return f"{max(1, round(seconds * 1000))}ms"


def _usable(connection: C) -> C:
    """The connection, if an enqueue can run in it now. Raises InvalidRequestError."""
    status = connection.info.transaction_status
    if connection.closed:
        raise InvalidRequestError("The given connection is closed; pass an open one.")
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise InvalidRequestError(
            "The given connection is in pipeline mode; enqueue before or after the pipeline."
        )
    if status == TransactionStatus.ACTIVE or connection.lock.locked():
        raise InvalidRequestError(
            "The given connection is busy: a stream(), a COPY, notifies() or another thread or "
            "task uses it. End that first, read what is streamed into a list, or pass another "
            "connection."
        )
    if status == TransactionStatus.INERROR:
        raise InvalidRequestError(
            "The given connection's transaction has failed; roll it back before you enqueue in it."
        )
    if connection._tpc:
        raise InvalidRequestError(
            "The given connection is in a two-phase transaction, in which Postgres wakes nobody; "
            "enqueue in an ordinary one."
        )
    return connection


def _refusal(source: object) -> InvalidRequestError:
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    return InvalidRequestError(
        f"connection: {kind} is not supported. Pass a psycopg 3 connection, or an SQLAlchemy or "
        "SQLModel connection or session that runs on psycopg 3 (postgresql+psycopg://), sync for "
        "Manager and async for AsyncManager."
    )
