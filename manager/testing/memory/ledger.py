"""A ledger in memory: what the fake manager's calls read and write."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from manager.ledger.states import Outcome
from manager.settings import Settings

LANE = ("account", "endpoint", "identifier_type", "fields")


@dataclass(eq=False, slots=True)
class Lane:
    """What may share a job."""

    id: int
    account: str
    endpoint: str
    identifier_type: str
    fields: list[str]


@dataclass(eq=False, slots=True)
class Enrichment:
    """One identifier in one lane. `state` is "pending" or an outcome."""

    id: int
    lane: Lane
    key: str
    identifier: str
    priority: int
    due_at: datetime
    state: str = "pending"
    cycle: int = 1
    settled_at: datetime | None = None
    reason: str | None = None
    cause: UUID | None = None
    tag: str | None = None

    def renew(self, priority: int, now: datetime, cause: UUID, tag: str | None) -> None:
        """Begin the next cycle, for that request."""
        self.state, self.priority, self.due_at = "pending", priority, now
        self.cause, self.tag = cause, tag
        self.settled_at = self.reason = None
        self.cycle += 1


@dataclass(frozen=True, slots=True)
class End:
    """How one cycle of an enrichment ended; `record` is the text of its JSON."""

    outcome: Outcome
    record: str | None
    reason: str | None
    fetched_at: datetime
    job_id: UUID


@dataclass(eq=False, slots=True)
class Item:
    """One identifier of a request, as the caller wrote it."""

    position: int
    enrichment: Enrichment
    cycle: int
    value: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where somebody is told; `events` empty for all."""

    address: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemoryNotice:
    """What a target is told."""

    event: str
    target: str
    request_id: UUID
    payload: dict[str, Any]


@dataclass(eq=False, slots=True)
class MemoryRequest:
    """One enqueue call; `source` is what was given as its `connection`."""

    id: UUID
    lane: Lane
    priority: int
    key: str | None
    content_hash: bytes
    max_age: timedelta
    total: int
    metadata: dict[str, Any] | None
    tag: str | None
    source: object
    created_at: datetime
    linger: bool = True
    targets: list[Target] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    finished_at: datetime | None = None
    cancelled_at: datetime | None = None
    tenths: int = 0
    hits: int = 0
    joined: int = 0
    bought: int = 0
    credits: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Purchase:
    """A record that was bought."""

    at: datetime
    account: str
    endpoint: str
    tag: str | None
    credits: Decimal


class MemoryLedger:
    """Lanes, enrichments, requests and ends. Whoever reads or writes them holds `changed`."""

    def __init__(self, accounts: tuple[str, ...], settings: Settings) -> None:
        self.accounts = accounts
        self.settings = settings
        self.changed = threading.Condition(threading.RLock())
        self.lanes: list[Lane] = []
        self.enrichments: dict[tuple[int, str], Enrichment] = {}
        self.ends: dict[tuple[Enrichment, int], End] = {}
        self.requests: dict[UUID, MemoryRequest] = {}
        self.targets: list[Target] = []
        self.notices: list[MemoryNotice] = []
        self.purchases: list[Purchase] = []
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The time, and whatever it was advanced by."""
        return datetime.now(UTC) + self._ahead

    def advance(self, time: timedelta) -> None:
        """Let so much time pass."""
        with self.changed:
            self._ahead += time

    def lane(self, wanted: Mapping[str, Any]) -> Lane | None:
        """The lane of these parameters of a statement, if there is one."""
        for it in self.lanes:
            if all(getattr(it, name) == wanted[name] for name in LANE):
                return it
        return None

    def waiting(self) -> list[Enrichment]:
        """What has no outcome yet, the oldest first."""
        return [it for it in self.enrichments.values() if it.state == "pending"]

    def settle(self, ends: Mapping[Enrichment, End]) -> None:
        """Give these their outcomes, and finish the requests that waited for no others."""
        for enrichment, end in ends.items():
            self.ends[enrichment, enrichment.cycle] = end
            enrichment.state, enrichment.settled_at = end.outcome.value, end.fetched_at
            enrichment.reason = end.reason
            if end.outcome == Outcome.FULFILLED:
                self._buy(enrichment)
        for request in self.requests.values():
            if request.finished_at is None:
                if all(self.outcomes(request)):
                    request.finished_at = self.now()
                self.note(request)
        self.changed.notify_all()

    def note(self, request: MemoryRequest) -> None:
        """Tell the request's targets that it is finished, or a tenth further."""
        counted = Counter(it for it in self.outcomes(request) if it)
        settled = counted.total()
        before, request.tenths = request.tenths, 10 * settled // (request.total or 1)
        if request.finished_at is None and request.tenths == before:
            return
        event = "request.progress" if request.finished_at is None else "request.finished"
        payload = {
            "request_id": str(request.id),
            "account": request.lane.account,
            "endpoint": request.lane.endpoint,
            "identifier_type": request.lane.identifier_type,
            "idempotency_key": request.key,
            "total": request.total,
            **{outcome.value: counted[outcome] for outcome in Outcome},
            "settled": settled,
            "created_at": request.created_at.isoformat(),
            "finished_at": request.finished_at and request.finished_at.isoformat(),
            "cancelled_at": request.cancelled_at and request.cancelled_at.isoformat(),
        }
        self.notices += [
            MemoryNotice(event, it.address, request.id, payload)
            for it in request.targets
            if not it.events or event in it.events
        ]

    def price(self, account: str, endpoint: str) -> Decimal | None:
        """Credits that a record costs, as the settings say."""
        served = self.settings.served_account(account)
        return (served.prices if served else self.settings.price).get(endpoint)

    def _buy(self, it: Enrichment) -> None:
        price = self.price(it.lane.account, it.lane.endpoint) or Decimal(0)
        bought = Purchase(self.now(), it.lane.account, it.lane.endpoint, it.tag, price)
        self.purchases.append(bought)
        request = self.requests.get(it.cause) if it.cause else None
        if request is not None and request.cancelled_at is None:
            request.bought += 1
            request.credits += price

    def outcomes(self, request: MemoryRequest) -> Iterator[Outcome | None]:
        """What became of each item."""
        for item in request.items:
            end = self.ends.get((item.enrichment, item.cycle))
            yield Outcome.CANCELLED if item.cancelled else end.outcome if end else None

    def cancel_unwanted(self, enrichments: set[Enrichment]) -> None:
        """What waits and is wanted by no request is not bought."""
        wanted = {
            (item.enrichment, item.cycle)
            for request in self.requests.values()
            for item in request.items
            if not item.cancelled
        }
        for it in enrichments:
            if it.state == "pending" and (it, it.cycle) not in wanted:
                it.state, it.settled_at = Outcome.CANCELLED.value, self.now()
                it.reason = "no request wants it any more"

    def forget(self, source: object) -> None:
        """Take back the requests that were enqueued with that connection."""
        with self.changed:
            gone = [it for it in self.requests.values() if it.source is source]
            for request in gone:
                del self.requests[request.id]
            self.notices = [it for it in self.notices if it.request_id in self.requests]
            self.cancel_unwanted({item.enrichment for it in gone for item in it.items})
            self.changed.notify_all()
