"""The Python API for asyncio: the same calls as `manager.client.sync`, awaited."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from manager.client import follow
from manager.client.connection import async_connection, needs_transaction
from manager.client.enqueue import DEFAULT_ENDPOINT, Enqueued, OnInvalid, enqueue
from manager.client.follow import Progress, Result
from manager.client.sync import RECHECK, as_uuid, wait_timeout
from manager.errors import InvalidIdentifier
from manager.identifiers import IdentifierType
from manager.ledger.connect import connection_arguments, unavailable
from manager.ledger.script import Script, T, in_savepoint, run_async
from manager.settings import Settings, load_settings

if TYPE_CHECKING:
    from manager.client.connection import AsyncSource


class AsyncManager:
    """`Manager` for asyncio; see there."""

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self._settings = settings or load_settings(**overrides)
        self._settings.postgres  # noqa: B018 - raises when it is missing

    async def enqueue(
        self,
        identifier_type: IdentifierType,
        identifiers: Iterable[str | int],
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        account: str | None = None,
        fields: Sequence[str] = (),
        priority: int = 0,
        max_age: timedelta | float | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        on_invalid: OnInvalid = "raise",
        connection: AsyncSource | None = None,
    ) -> AsyncRequest:
        """Ask for companies, or people, to be enriched; see `Manager.enqueue`."""
        script = enqueue(
            self._settings,
            identifier_type,
            identifiers,
            endpoint_name=endpoint,
            account=account,
            fields=fields,
            priority=priority,
            max_age=max_age,
            idempotency_key=idempotency_key,
            metadata=metadata,
            on_invalid=on_invalid,
        )
        return AsyncRequest(self, await self._run(script, connection))

    async def request(self, request_id: UUID | str) -> AsyncRequest:
        """The request with this id. Raises NotFoundError."""
        found = await self._run(follow.progress(as_uuid(request_id)))
        return AsyncRequest(self, Enqueued(found.id, found.total, False, ()))

    async def _run(self, script: Script[T], source: AsyncSource | None = None) -> T:
        if source is None:
            async with self._connect() as own, own.transaction():
                return await run_async(own, script)
        connection = await async_connection(source)
        script = in_savepoint(self._settings.database_schema, script)
        if needs_transaction(connection):
            async with connection.transaction():
                return await run_async(connection, script)
        return await run_async(connection, script)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection[Any]]:
        try:
            connection = await AsyncConnection.connect(
                **connection_arguments(self._settings, "api")
            )
        except psycopg.OperationalError as error:
            raise unavailable(error, self._settings) from None
        async with connection:
            yield connection


class AsyncRequest:
    """One enqueue call, to be followed; `Request` for asyncio."""

    def __init__(self, manager: AsyncManager, enqueued: Enqueued) -> None:
        self._manager = manager
        self.id: UUID = enqueued.id
        self.total: int = enqueued.total
        self.created: bool = enqueued.created
        self.invalid: tuple[InvalidIdentifier, ...] = enqueued.invalid

    def __repr__(self) -> str:
        return f"<AsyncRequest {self.id} of {self.total} identifiers>"

    async def progress(self) -> Progress:
        """The counters as they stand."""
        return await self._manager._run(follow.progress(self.id))

    async def wait(self, timeout: float | None = None) -> Progress:
        """Return when every identifier has an outcome; see `Request.wait`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        async with self._manager._connect() as connection:
            await connection.execute("LISTEN enrichd_finished")
            while True:
                now = await run_async(connection, follow.progress(self.id))
                if now.finished:
                    return now
                left = RECHECK if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise wait_timeout(now, timeout)
                await _wait_for(connection, str(self.id), min(left, RECHECK))

    async def results(self) -> AsyncIterator[Result]:
        """Every identifier in the caller's order and spelling; see `Request.results`."""
        position = 0
        while page := await self._manager._run(follow.results(self.id, position)):
            for result in page:
                yield result
            position = page[-1].position + 1

    async def cancel(self) -> Progress:
        """Settle what waits as cancelled; see `Request.cancel`."""
        return await self._manager._run(follow.cancel(self.id))


async def _wait_for(connection: AsyncConnection[Any], payload: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        async for notification in connection.notifies(timeout=left, stop_after=1):
            if notification.payload == payload:
                return
