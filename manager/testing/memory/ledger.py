"""A ledger in memory: what the fake manager's calls read and write."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from manager.ledger.states import Outcome

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

    def renew(self, priority: int, now: datetime) -> None:
        """Begin the next cycle."""
        self.state, self.priority, self.due_at = "pending", priority, now
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
    source: object
    created_at: datetime
    items: list[Item] = field(default_factory=list)
    finished_at: datetime | None = None
    cancelled_at: datetime | None = None


class MemoryLedger:
    """Lanes, enrichments, requests and ends. Whoever reads or writes them holds `changed`."""

    def __init__(self, accounts: tuple[str, ...]) -> None:
        self.accounts = accounts
        self.changed = threading.Condition(threading.RLock())
        self.lanes: list[Lane] = []
        self.enrichments: dict[tuple[int, str], Enrichment] = {}
        self.ends: dict[tuple[Enrichment, int], End] = {}
        self.requests: dict[UUID, MemoryRequest] = {}
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
        for request in self.requests.values():
            if request.finished_at is None and all(self.outcomes(request)):
                request.finished_at = self.now()
        self.changed.notify_all()

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
            self.cancel_unwanted({item.enrichment for it in gone for item in it.items})
            self.changed.notify_all()
