"""Finds the psycopg connection inside what a caller hands over, so that an enqueue can run in
the caller's own transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from manager.errors import InvalidRequestError

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


def needs_transaction(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Whether the call must open and commit a transaction itself: autocommit, and none open."""
    return connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE


def _usable(connection: C) -> C:
    if connection.info.transaction_status == TransactionStatus.INERROR:
        raise InvalidRequestError(
            "The connection's transaction has failed; roll it back before you enqueue in it."
        )
    return connection


def _refusal(source: object) -> InvalidRequestError:
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    return InvalidRequestError(
        f"connection: {kind} is not supported. Pass a psycopg 3 connection, or an SQLAlchemy or "
        "SQLModel connection or session that runs on psycopg 3 (postgresql+psycopg://), sync for "
        "Manager and async for AsyncManager."
    )
