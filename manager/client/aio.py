"""The Python API for asyncio: the same calls as `manager.client.sync`, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from manager.client import find, follow
from manager.client.arguments import Wanted, checked_outcomes, checked_settings
from manager.client.connection import async_connection, within
from manager.client.enqueue import DEFAULT_ENDPOINT, Enqueued, OnInvalid, enqueue
from manager.client.estimate import Estimate, estimate
from manager.client.follow import Progress, Result, Row
from manager.client.known import Known
from manager.client.listen import hear_async, listening_async
from manager.client.lookup import Lookup
from manager.client.notify import Notify
from manager.client.patience import Patience
from manager.client.pool import AsyncPool
from manager.client.reading import AsyncReading
from manager.client.sync import as_uuid
from manager.client.trouble import Trouble
from manager.errors import InvalidIdentifier, UnavailableError
from manager.identifiers import IdentifierType
from manager.ledger.script import Script, T, run_async
from manager.settings import Settings
from manager.targets import Event

if TYPE_CHECKING:
    from manager.client.connection import AsyncSource


class AsyncManager:
    """`Manager` for asyncio; see there. Each event loop has connections of its own."""

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self._settings = checked_settings(settings, overrides)
        self._settings.postgres  # noqa: B018 - raises when it is missing
        self._pool = AsyncPool(self._settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Settings]]:
        return type(self), (self._settings,)

    async def close(self) -> None:
        """Close the connections that are not in use. A later call opens new ones."""
        await self._pool.close()

    async def enqueue(
        self,
        identifier_type: IdentifierType,
        identifiers: Iterable[object],
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        account: str | None = None,
        fields: Sequence[str] = (),
        priority: int = 0,
        max_age: timedelta | float | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tag: str | None = None,
        linger: bool = True,
        on_invalid: OnInvalid = "raise",
        notify: Notify = None,
        notify_events: Sequence[Event] = (),
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
            tag=tag,
            linger=linger,
            on_invalid=on_invalid,
            notify=notify,
            notify_events=notify_events,
        )
        return AsyncRequest(self, await self._run(script, connection))

    async def estimate(
        self,
        identifier_type: IdentifierType,
        identifiers: Iterable[object],
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        account: str | None = None,
        fields: Sequence[str] = (),
        max_age: timedelta | float | None = None,
        tag: str | None = None,
        linger: bool = True,
        connection: AsyncSource | None = None,
    ) -> Estimate:
        """What `enqueue` would do with these, without doing it; see `Manager.estimate`."""
        script = estimate(
            self._settings,
            identifier_type,
            identifiers,
            endpoint_name=endpoint,
            account=account,
            fields=fields,
            max_age=max_age,
            tag=tag,
            linger=linger,
        )
        return await self._run(script, connection)

    async def request(self, request_id: UUID | str) -> AsyncRequest:
        """The request with this id. Raises NotFoundError."""
        found = await self._run(follow.progress(as_uuid(request_id)))
        return AsyncRequest(self, Enqueued(found.id, found.total, found.hits, found.joined))

    def requests(
        self,
        *,
        open: bool | None = None,
        account: str | None = None,
        tag: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> AsyncIterator[Progress]:
        """The requests there are, the newest first; see `Manager.requests`."""
        wanted = find.wanted(
            open=open,
            account=account,
            tag=tag,
            metadata=metadata,
            idempotency_key=idempotency_key,
            since=since,
        )
        return self._found(wanted)

    async def _found(self, wanted: find.Wanted) -> AsyncIterator[Progress]:
        before = None
        while page := await self._run(wanted.page(before)):
            for it in page:
                yield it
            before = page[-1].id

    def lookup(
        self,
        identifier_type: IdentifierType,
        identifiers: Iterable[str | int],
        *,
        account: str | None = None,
        endpoint: str | None = None,
        fields: Sequence[str] | None = None,
        max_age: timedelta | float | None = None,
        history: bool = False,
    ) -> AsyncIterator[Known]:
        """What the ledger knows of these already; see `Manager.lookup`."""
        asked = Lookup(
            identifier_type,
            identifiers,
            account=account,
            endpoint=endpoint,
            fields=fields,
            max_age=max_age,
            history=history,
        )
        return self._looked_up(asked)

    async def _looked_up(self, asked: Lookup) -> AsyncIterator[Known]:
        for chunk in asked.chunks():
            for known in await self._run(chunk):
                yield known

    async def _run(self, script: Script[T], source: AsyncSource | None = None) -> T:
        if source is None:
            return await self._pool.run(script)
        connection = await async_connection(source)
        explain = Trouble(self._settings, connection, given=True).explain
        return await run_async(connection, within(self._settings, connection, script), explain)

    async def _wait(self, request_id: UUID, timeout: float | None) -> Progress:
        patience = Patience(request_id, timeout)
        while True:
            try:
                async with listening_async(self._settings) as ear:
                    while True:
                        now = patience.saw(await self._run(follow.progress(request_id)))
                        if now.finished:
                            return now
                        await hear_async(ear, str(request_id), patience.pause())
            except UnavailableError as error:
                await asyncio.sleep(patience.outage(error))


class AsyncRequest(AsyncReading):
    """One enqueue call, to be followed; `Request` for asyncio."""

    def __init__(self, manager: AsyncManager, enqueued: Enqueued) -> None:
        self._manager = manager
        self.id: UUID = enqueued.id
        self.total: int = enqueued.total
        self.hits: int = enqueued.hits
        self.joined: int = enqueued.joined
        self.created: bool = enqueued.created
        self.invalid: tuple[InvalidIdentifier, ...] = enqueued.invalid

    def __repr__(self) -> str:
        return f"<AsyncRequest {self.id} of {self.total} identifiers>"

    @property
    def new(self) -> int:
        """Identifiers that are bought for this request."""
        return self.total - self.hits - self.joined

    async def progress(self) -> Progress:
        """The counters as they stand."""
        return await self._manager._run(follow.progress(self.id))

    async def wait(self, timeout: float | None = None) -> Progress:
        """Return when every identifier has an outcome; see `Request.wait`."""
        return await self._manager._wait(self.id, timeout)

    def results(self, outcome: Wanted = None) -> AsyncIterator[Result]:
        """Every identifier in the caller's order and spelling; see `Request.results`."""
        pages = self.pages(outcome)
        return (follow.result(row) async for page in pages for row in page)

    async def cancel(self) -> Progress:
        """Settle what waits as cancelled; see `Request.cancel`."""
        return await self._manager._run(follow.cancel(self.id))

    def pages(self, outcome: Wanted = None) -> AsyncIterator[list[Row]]:
        """The results in pages, as the ledger gives them; what `results` is made of."""
        return self._pages(checked_outcomes(outcome))

    async def _pages(self, outcomes: list[str] | None) -> AsyncIterator[list[Row]]:
        position = 0
        while page := await self._manager._run(follow.results(self.id, position, outcomes)):
            yield page
            position = page[-1].position + 1
