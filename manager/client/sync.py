"""The Python API: enqueue identifiers and follow the request. Needs the database, nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import Connection

from manager.client import follow
from manager.client.connection import needs_transaction, sync_connection
from manager.client.enqueue import DEFAULT_ENDPOINT, Enqueued, OnInvalid, enqueue
from manager.client.follow import Progress, Result
from manager.errors import InvalidIdentifier, WaitTimeoutError
from manager.identifiers import IdentifierType
from manager.ledger.connect import Ledger
from manager.ledger.script import Script, T, in_savepoint, run
from manager.settings import Settings, load_settings

if TYPE_CHECKING:
    from manager.client.connection import SyncSource

# A notification ends the wait at once; this is for when one is lost.
RECHECK = 2.0


class Manager:
    """Enqueues identifiers and finds requests again.

    Settings come from the environment (`ENRICHD_…`) unless given:
    `Manager(database_url="postgresql://…")`. Raises ConfigurationError.
    """

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self._settings = settings or load_settings(**overrides)
        self._settings.postgres  # noqa: B018 - raises when it is missing
        self._ledger = Ledger(self._settings, "api")

    def enqueue(
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
        connection: SyncSource | None = None,
    ) -> Request:
        """Ask for companies, or people, to be enriched; all or nothing.

        identifiers: any iterable, also of millions; it is read once and streamed.
        endpoint: what is bought: `company/enrich`, `person/enrich`, `person/contact/enrich`.
        account: the name of the vendor account that buys; None takes the configured `account`.
        fields: dotted paths to add to the vendor's default set.
        priority: -100 to 100, higher first.
        max_age: results not older than this (seconds or timedelta) are taken as they are;
            0 buys anew; None takes the configured `max_age`.
        idempotency_key: a repeated call with the same key and content returns the first request.
        metadata: anything that can be written as JSON, kept with the request.
        on_invalid: "raise" refuses the whole call when an identifier cannot be one; "skip"
            enqueues the good ones and lists the bad ones in `Request.invalid`.
        connection: enqueue in this psycopg connection's or SQLAlchemy/SQLModel session's
            transaction; nothing is requested unless it commits. Commit soon: until then the
            results of identifiers that others wait for too cannot be merged.

        Raises InvalidIdentifiersError, InvalidRequestError, ConflictError, UnavailableError, and
        ConfigurationError for an account that the ledger does not have.
        """
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
        return Request(self, self._run(script, connection))

    def request(self, request_id: UUID | str) -> Request:
        """The request with this id. Raises NotFoundError."""
        found = self._run(follow.progress(as_uuid(request_id)))
        return Request(self, Enqueued(found.id, found.total, False, ()))

    def _run(self, script: Script[T], source: SyncSource | None = None) -> T:
        if source is None:
            with self._ledger.connect() as own, own.transaction():
                return run(own, script)
        connection = sync_connection(source)
        script = in_savepoint(self._settings.database_schema, script)
        if needs_transaction(connection):
            with connection.transaction():
                return run(connection, script)
        return run(connection, script)

    @contextmanager
    def _listen(self) -> Iterator[Connection[Any]]:
        with self._ledger.connect() as connection:
            connection.execute("LISTEN enrichd_finished")
            yield connection


class Request:
    """One enqueue call, to be followed."""

    def __init__(self, manager: Manager, enqueued: Enqueued) -> None:
        self._manager = manager
        self.id: UUID = enqueued.id
        self.total: int = enqueued.total
        self.created: bool = enqueued.created
        self.invalid: tuple[InvalidIdentifier, ...] = enqueued.invalid

    def __repr__(self) -> str:
        return f"<Request {self.id} of {self.total} identifiers>"

    def progress(self) -> Progress:
        """The counters as they stand."""
        return self._manager._run(follow.progress(self.id))

    def wait(self, timeout: float | None = None) -> Progress:
        """Return when every identifier has an outcome.

        timeout: seconds; None waits without end. Raises WaitTimeoutError.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._manager._listen() as connection:
            while True:
                now = run(connection, follow.progress(self.id))
                if now.finished:
                    return now
                left = RECHECK if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise wait_timeout(now, timeout)
                _wait_for(connection, str(self.id), min(left, RECHECK))

    def results(self) -> Iterator[Result]:
        """Every identifier in the caller's order and spelling, repeats included.

        Read in pages, so a request of millions takes little memory.
        """
        position = 0
        while page := self._manager._run(follow.results(self.id, position)):
            yield from page
            position = page[-1].position + 1

    def cancel(self) -> Progress:
        """Settle what waits as cancelled; the request is finished by that.

        Nothing more is bought for it. What is in a job already, or wanted by another request,
        goes on for the others.
        """
        return self._manager._run(follow.cancel(self.id))


def as_uuid(value: UUID | str) -> UUID:
    """The id of a request. Raises NotFoundError when it cannot be one."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise follow.no_such_request(value) from None


def wait_timeout(now: Progress, timeout: float | None) -> WaitTimeoutError:
    """The error of a wait that ran out."""
    return WaitTimeoutError(
        f"Request {now.id} was not finished after {timeout:g} seconds: "
        f"{now.settled:,} of {now.total:,} identifiers are settled. It goes on; wait again."
    )


def _wait_for(connection: Connection[Any], payload: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        for notification in connection.notifies(timeout=left, stop_after=1):
            if notification.payload == payload:
                return
