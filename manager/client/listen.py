"""Hears of finished requests, on a connection of its own for each wait.

Behind a pooler there is none: in transaction mode no notification would come, and the LISTEN would
be another client's. There time passes, and the wait looks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, Connection

from manager.client.pool import ROLE, is_pooled
from manager.client.trouble import Trouble
from manager.ledger.connect import connect, connect_async
from manager.ledger.execute import Execute, perform, perform_async
from manager.ledger.sql import Statements
from manager.settings import Settings

LISTEN = Execute(Statements("follow").listen)

Ear: TypeAlias = Connection[Any] | None
AsyncEar: TypeAlias = AsyncConnection[Any] | None


@contextmanager
def listening(settings: Settings) -> Iterator[Ear]:
    """A connection that hears; None behind a pooler. Raises UnavailableError, inside, too."""
    connection = connect(settings, ROLE)
    try:
        if is_pooled(connection):
            connection.close()
            yield None
            return
        perform(connection, LISTEN)
        yield connection
    except psycopg.Error as error:
        raise Trouble(settings, connection, given=False).explain(error, LISTEN) from error
    finally:
        connection.close()


def hear(ear: Ear, payload: str, timeout: float) -> None:
    """Return when it is heard, or after so many seconds."""
    if ear is None:
        time.sleep(timeout)
        return
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        for notification in ear.notifies(timeout=left, stop_after=1):
            if notification.payload == payload:
                return


@asynccontextmanager
async def listening_async(settings: Settings) -> AsyncIterator[AsyncEar]:
    """The same for asyncio."""
    connection, _ = await connect_async(settings, ROLE)
    try:
        if is_pooled(connection):
            await connection.close()
            yield None
            return
        await perform_async(connection, LISTEN)
        yield connection
    except psycopg.Error as error:
        raise Trouble(settings, connection, given=False).explain(error, LISTEN) from error
    finally:
        await connection.close()


async def hear_async(ear: AsyncEar, payload: str, timeout: float) -> None:
    """The same for asyncio."""
    if ear is None:
        await asyncio.sleep(timeout)
        return
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        async for notification in ear.notifies(timeout=left, stop_after=1):
            if notification.payload == payload:
                return
