"""The Python API: enqueue identifiers and follow the request. Needs the database, nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from manager.client import find, follow
from manager.client.arguments import Wanted, checked_outcomes, checked_settings
from manager.client.connection import sync_connection, within
from manager.client.enqueue import DEFAULT_ENDPOINT, Enqueued, OnInvalid, enqueue
from manager.client.estimate import Estimate, estimate
from manager.client.follow import Progress, Result, Row
from manager.client.known import Known
from manager.client.listen import hear, listening
from manager.client.lookup import Lookup
from manager.client.notify import Notify
from manager.client.patience import Patience
from manager.client.pool import Pool
from manager.client.reading import Reading
from manager.client.trouble import Trouble
from manager.errors import InvalidIdentifier, UnavailableError, quoted
from manager.identifiers import IdentifierType
from manager.ledger.script import Script, T, run
from manager.settings import Settings
from manager.targets import Event

if TYPE_CHECKING:
    from manager.client.connection import SyncSource


class Manager:
    """Enqueues identifiers and finds requests again.

    Settings come from the environment (`ENRICHD_…`) unless given:
    `Manager(database_url="postgresql://…")`. Raises ConfigurationError.

    One is enough for a process: any number of threads may use it, and children that are forked.
    It keeps up to `pool_size` connections; `close()`, or `with Manager() as manager:`, closes them.
    """

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self._settings = checked_settings(settings, overrides)
        self._settings.postgres  # noqa: B018 - raises when it is missing
        self._pool = Pool(self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Settings]]:
        return type(self), (self._settings,)

    def close(self) -> None:
        """Close the connections that are not in use. A later call opens new ones."""
        self._pool.close()

    def enqueue(
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
        connection: SyncSource | None = None,
    ) -> Request:
        """Ask for companies, or people, to be enriched; all or nothing.

        identifiers: any iterable, also of millions; it is read once and streamed. A column of
            pandas, numpy, polars or Arrow is one: whole numbers are ids however they are held, and
            what is missing (None, NaN, NA) is an identifier that cannot be looked up. Rows of one
            value are that value; a set is sorted, since it has no order.
        endpoint: what is bought: `company/enrich`, `person/enrich`, `person/contact/enrich`.
        account: the name of the vendor account that buys; None takes the configured `account`.
        fields: dotted paths to add to the vendor's default set.
        priority: -100 to 100, higher first.
        max_age: results not older than this (seconds or timedelta) are taken as they are;
            0 buys anew; None takes the configured `max_age`.
        idempotency_key: a repeated call with the same key and content returns the first request.
        metadata: anything that can be written as JSON, kept with the request.
        tag: whose purchase it is, by a word of your own (1 to 200 printable characters): budgets
            and statistics go by it. Who asks first pays; who joins a purchase that waits for a
            budget takes it over.
        linger: False packs it at once. By default it waits up to the daemon's `linger` seconds (10)
            for more of the same account, endpoint, type and fields, so that jobs are full: for a
            few identifiers that somebody waits for that is most of the time. Each call that does
            not linger may take a job, and so a slot, to itself.
        on_invalid: "raise" refuses the whole call when an identifier cannot be one; "skip"
            enqueues the good ones and lists the bad ones in `Request.invalid`.
        notify: who is told of what becomes of it, besides those that the daemon's settings name:
            a URL (https://…, sent signed webhooks), `task:NAME` or `task:NAME@BROKER/QUEUE` (a
            Celery task of yours; its broker is named in the daemon's settings), `pg:CHANNEL` (a
            NOTIFY in the ledger's database), or the name of a target in the daemon's settings; or
            several. Told at least once, in order, when and if this commits.
        notify_events: what they are told, of `request.finished` and `request.progress` (each
            tenth); none named: both.
        connection: enqueue in this psycopg connection's or SQLAlchemy/SQLModel session's
            transaction; nothing is requested unless it commits. Commit soon: until then the
            results of identifiers that others wait for too cannot be merged. What goes wrong
            undoes this call alone; the transaction can go on.

        Raises InvalidIdentifiersError, InvalidRequestError (RefusedTargetError for a target that
        must not be told), ConflictError, UnavailableError,
        LockTimeoutError (an UnavailableError) when another transaction holds what it needs for
        longer than `lock_timeout`, and ConfigurationError for an account that the ledger does not
        have.
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
            tag=tag,
            linger=linger,
            on_invalid=on_invalid,
            notify=notify,
            notify_events=notify_events,
        )
        return Request(self, self._run(script, connection))

    def estimate(
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
        connection: SyncSource | None = None,
    ) -> Estimate:
        """What `enqueue` would do with these, without doing it: how many records it would buy,
        and what they would cost at most.

        The arguments are those of `enqueue`. `Estimate.credits` is the most that it would cost,
        `leaves` how many records the budgets leave, `refused_by` the hard budget that would refuse
        it, `waits_for` the one for which some of it would wait. Nothing is written, and nothing is
        locked. Identifiers that cannot be looked up are listed in `Estimate.invalid`. Takes about
        100 MB for a million identifiers, to find the repeats.

        Raises InvalidRequestError, UnavailableError, and ConfigurationError for an account that
        the ledger does not have.
        """
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
        return self._run(script, connection)

    def request(self, request_id: UUID | str) -> Request:
        """The request with this id. Raises NotFoundError."""
        found = self._run(follow.progress(as_uuid(request_id)))
        return Request(self, Enqueued(found.id, found.total, found.hits, found.joined))

    def requests(
        self,
        *,
        open: bool | None = None,
        account: str | None = None,
        tag: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> Iterator[Progress]:
        """The requests there are, the newest first, as far as they are; all of what is named holds.

        open: True for those that are not finished, False for those that are.
        account, tag, idempotency_key: what they were enqueued with.
        metadata: what theirs contains, as JSON: `{"customer": 7}` finds `{"customer": 7, "x": 1}`.
        since: made from that moment on, or so long ago at most.

        Read in pages by key, so any number takes little memory, and none is shown twice;
        `manager.request(it.id)` goes on with one. Raises InvalidRequestError at once, and with the
        first of them UnavailableError, and ConfigurationError for an account that the ledger does
        not have.
        """
        wanted = find.wanted(
            open=open,
            account=account,
            tag=tag,
            metadata=metadata,
            idempotency_key=idempotency_key,
            since=since,
        )
        return self._found(wanted)

    def _found(self, wanted: find.Wanted) -> Iterator[Progress]:
        before = None
        while page := self._run(wanted.page(before)):
            yield from page
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
    ) -> Iterator[Known]:
        """What the ledger knows of these already, one `Known` each in the caller's order; buys
        nothing, and cannot write.

        The newest record of each: of all accounts, endpoints and field selections, unless narrowed.
        identifiers: any iterable, also of millions; it is read once and streamed, 500 at a time.
            What cannot be one is no error here: its `why` says so.
        account, endpoint: only what was bought on this account, of this endpoint.
        fields: only field selections that have each of these dotted paths.
        max_age: nothing older than this (seconds or timedelta).
        history: each `Known.history` has every request, job and purchase of it, in order.

        Raises InvalidRequestError at once, and with the first of them ConfigurationError for an
        account that the ledger does not have, and UnavailableError.
        """
        asked = Lookup(
            identifier_type,
            identifiers,
            account=account,
            endpoint=endpoint,
            fields=fields,
            max_age=max_age,
            history=history,
        )
        return (known for chunk in asked.chunks() for known in self._run(chunk))

    def _run(self, script: Script[T], source: SyncSource | None = None) -> T:
        if source is None:
            return self._pool.run(script)
        connection = sync_connection(source)
        explain = Trouble(self._settings, connection, given=True).explain
        return run(connection, within(self._settings, connection, script), explain)

    def _wait(self, request_id: UUID, timeout: float | None) -> Progress:
        patience = Patience(request_id, timeout)
        while True:
            try:
                with listening(self._settings) as ear:
                    while True:
                        now = patience.saw(self._run(follow.progress(request_id)))
                        if now.finished:
                            return now
                        hear(ear, str(request_id), patience.pause())
            except UnavailableError as error:
                time.sleep(patience.outage(error))


class Request(Reading):
    """One enqueue call, to be followed.

    Of its `total` identifiers `hits` were fresh, and have their results at once; `joined` ones
    others have asked for already, or the call itself before; `new` ones are bought for it.
    """

    def __init__(self, manager: Manager, enqueued: Enqueued) -> None:
        self._manager = manager
        self.id: UUID = enqueued.id
        self.total: int = enqueued.total
        self.hits: int = enqueued.hits
        self.joined: int = enqueued.joined
        self.created: bool = enqueued.created
        self.invalid: tuple[InvalidIdentifier, ...] = enqueued.invalid

    def __repr__(self) -> str:
        return f"<Request {self.id} of {self.total} identifiers>"

    @property
    def new(self) -> int:
        """Identifiers that are bought for this request."""
        return self.total - self.hits - self.joined

    def progress(self) -> Progress:
        """The counters as they stand."""
        return self._manager._run(follow.progress(self.id))

    def wait(self, timeout: float | None = None) -> Progress:
        """Return when every identifier has an outcome.

        timeout: seconds; None waits without end. Raises WaitTimeoutError, and InvalidRequestError
        for what is no number of seconds. While Postgres cannot be reached it waits on.
        """
        return self._manager._wait(self.id, timeout)

    def results(self, outcome: Wanted = None) -> Iterator[Result]:
        """Every identifier in the caller's order and spelling, repeats included.

        outcome: only those of this outcome, or of several: `fulfilled`, `not_found`, `failed`,
            `cancelled`, and `waiting` for what has none yet.

        Read in pages, so a request of millions takes little memory. Raises InvalidRequestError.
        """
        return (follow.result(row) for page in self.pages(outcome) for row in page)

    def cancel(self) -> Progress:
        """Settle what waits as cancelled; the request is finished by that.

        Nothing more is bought for it. What is in a job already, or wanted by another request,
        goes on for the others.
        """
        return self._manager._run(follow.cancel(self.id))

    def pages(self, outcome: Wanted = None) -> Iterator[list[Row]]:
        """The results in pages, as the ledger gives them; what `results` is made of."""
        return self._pages(checked_outcomes(outcome))

    def _pages(self, outcomes: list[str] | None) -> Iterator[list[Row]]:
        position = 0
        while page := self._manager._run(follow.results(self.id, position, outcomes)):
            yield page
            position = page[-1].position + 1


def as_uuid(value: UUID | str) -> UUID:
    """The id of a request. Raises NotFoundError when it cannot be one."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        text = str(value) if isinstance(value, str) and value.isprintable() else quoted(value)
        raise follow.no_such_request(text if len(text) <= 80 else quoted(value)) from None
