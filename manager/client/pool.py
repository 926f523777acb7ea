"""A manager's own connections to the ledger, kept from one call to the next.

No thread tends them, so none is left behind by a manager that is forgotten, and none keeps the
interpreter from ending. A connection belongs to one process: after a fork the child opens its own
and leaves the parent's as they are. What the server has closed meanwhile is noticed when it is
to be used, or when its transaction begins, and is replaced.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from psycopg import AsyncConnection, Connection
from psycopg.pq import ConnStatus, TransactionStatus

from manager.client.connection import explained, in_milliseconds
from manager.client.trouble import Trouble
from manager.errors import UnavailableError
from manager.ledger import session
from manager.ledger.connect import connect, connect_async
from manager.ledger.scope import NotBegunError, in_transaction
from manager.ledger.script import Script, T, run, run_async
from manager.settings import Settings

ROLE = "api"
# Seconds that a call waits for one of the pool's connections.
PATIENCE = 30.0
# Seconds after which a connection that nobody has used is closed, at the next use of another.
IDLE = 120.0

C = TypeVar("C", Connection[Any], AsyncConnection[Any])


class Kept(Generic[C]):
    """Connections between two calls, of the process that has made them."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._kept: deque[tuple[C, float]] = deque()

    def take(self) -> C | None:
        """The one that was used last and is still sound; None: there is none."""
        while self._kept:
            try:
                connection, _ = self._kept.pop()
            except IndexError:  # another thread was quicker
                break
            if _is_sound(connection):
                return connection
            connection.pgconn.finish()
        return None

    def put(self, connection: C) -> None:
        """Keep it, unless it is broken or something is left open in it; close old ones."""
        if _is_sound(connection):
            self._kept.append((connection, time.monotonic()))
        else:
            connection.pgconn.finish()
        while self._kept and self._kept[0][1] < time.monotonic() - IDLE:
            try:
                connection, _ = self._kept.popleft()
            except IndexError:
                break
            connection.pgconn.finish()

    def close(self) -> None:
        """Close all, if this is the process that they belong to."""
        while self._kept and self.process == os.getpid():
            connection, _ = self._kept.pop()
            connection.pgconn.finish()


def _is_sound(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Whether it is open, idle and silent: a server that has ended says so, and is heard here."""
    pgconn = connection.pgconn
    if pgconn.status != ConnStatus.OK or pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    waiting = select.poll()
    waiting.register(pgconn.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not waiting.poll(0)


def _close_all(all_kept: dict[Any, tuple[Kept[Any], Any]]) -> None:
    for kept, _ in list(all_kept.values()):
        kept.close()


class Pool:
    """Runs scripts on connections of its own; for any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_process: dict[int, tuple[Kept[Connection[Any]], threading.Semaphore]] = {}
        weakref.finalize(self, _close_all, self._by_process)

    def run(self, script: Script[T]) -> T:
        """Run the script in a transaction. Raises UnavailableError and what the script raises."""
        with self._place() as kept:
            while True:
                reused = kept.take()
                connection = reused or connect(self._settings, ROLE)
                explain = Trouble(self._settings, connection, given=False).explain
                try:
                    if reused is None:
                        run(connection, _started(self._settings, connection), explain)
                    return run(connection, _scoped(self._settings, connection, script), explain)
                except NotBegunError:
                    if reused is None:
                        raise
                finally:
                    kept.put(connection)

    def close(self) -> None:
        """Close what is not in use; a later call opens anew."""
        _close_all(self._by_process)

    @contextmanager
    def _place(self) -> Iterator[Kept[Connection[Any]]]:
        # setdefault is atomic, so no lock is needed, which a fork might leave locked
        kept, places = self._by_process.get(os.getpid()) or self._by_process.setdefault(
            os.getpid(), (Kept(), threading.Semaphore(self._settings.pool_size))
        )
        if not places.acquire(timeout=PATIENCE):
            raise _exhausted(self._settings)
        try:
            yield kept
        finally:
            places.release()


class AsyncPool:
    """The same for asyncio: each event loop has connections of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_loop: dict[
            tuple[int, asyncio.AbstractEventLoop],
            tuple[Kept[AsyncConnection[Any]], asyncio.Semaphore],
        ] = {}
        weakref.finalize(self, _close_all, self._by_loop)

    async def run(self, script: Script[T]) -> T:
        """Run the script in a transaction. Raises UnavailableError and what the script raises."""
        kept, places = self._mine()
        try:
            async with asyncio.timeout(PATIENCE):
                await places.acquire()
        except TimeoutError:
            raise _exhausted(self._settings) from None
        try:
            while True:
                reused = kept.take()
                connection = reused or (await connect_async(self._settings, ROLE))[0]
                explain = Trouble(self._settings, connection, given=False).explain
                try:
                    if reused is None:
                        await run_async(connection, _started(self._settings, connection), explain)
                    scoped = _scoped(self._settings, connection, script)
                    return await run_async(connection, scoped, explain)
                except NotBegunError:
                    if reused is None:
                        raise
                finally:
                    kept.put(connection)
        finally:
            places.release()

    async def close(self) -> None:
        """Close what is not in use; a later call opens anew."""
        _close_all(self._by_loop)

    def _mine(self) -> tuple[Kept[AsyncConnection[Any]], asyncio.Semaphore]:
        key = os.getpid(), asyncio.get_running_loop()
        if key not in self._by_loop:
            for process, loop in list(self._by_loop):
                if process == os.getpid() and loop.is_closed():
                    self._by_loop.pop((process, loop))[0].close()
            self._by_loop[key] = Kept(), asyncio.Semaphore(self._settings.pool_size)
        return self._by_loop[key]


def is_pooled(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Whether a pooler is in between, which may keep no sessions; see `manager.ledger.connect`."""
    return connection.prepare_threshold is None


def _scoped(
    settings: Settings, connection: Connection[Any] | AsyncConnection[Any], script: Script[T]
) -> Script[T]:
    prepare = None
    if is_pooled(connection):
        lock_timeout = in_milliseconds(settings.lock_timeout)
        prepare = session.in_transaction(settings, lock_timeout=lock_timeout)
    return explained(settings, in_transaction(script, prepare))


def _started(
    settings: Settings, connection: Connection[Any] | AsyncConnection[Any]
) -> Script[None]:
    """Set what a call needs besides what every session has; behind a pooler nothing lasts."""
    lock_timeout = in_milliseconds(settings.lock_timeout)
    yield session.start(settings, connection.info.backend_pid, lock_timeout=lock_timeout)


def _exhausted(settings: Settings) -> UnavailableError:
    return UnavailableError(
        f"All {settings.pool_size} connections of this manager were in use for {PATIENCE:g} "
        "seconds. Raise pool_size, or make fewer calls at once."
    )
