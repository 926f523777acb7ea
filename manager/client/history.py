"""Everything that has happened to an enrichment and is still in the ledger, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from manager.client.known import Lane, Standing, moment
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.ledger.states import EnrichmentState

SQL = Statements("lookup")


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One thing that happened to an identifier in a lane (`account`, `endpoint`, `fields`).

    `event` is `requested`, `cancelled` (of a request), `packed`, `submitted`, `accepted` (by the
    vendor, under `batch_id`), `completed` (by the vendor), or an outcome: the purchase numbered
    `cycle` ended so. `missing` says what is not in the ledger any more; it has no time.
    """

    at: datetime | None
    event: str
    account: str
    endpoint: str
    fields: tuple[str, ...]
    cycle: int
    request_id: UUID | None = None
    job_id: UUID | None = None
    batch_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """An item of a request; `fetched_at` is when the cycle ended that it wanted."""

    enrichment_id: int
    cycle: int
    at: datetime
    request_id: UUID
    position: int
    value: str
    cancelled: bool
    cancelled_at: datetime | None
    fetched_at: datetime | None

    def events(self) -> Iterator[dict[str, Any]]:
        """The request, and its cancellation."""
        told = {"request_id": self.request_id, "cycle": self.cycle}
        detail = f"as {self.value!r}, position {self.position}"
        if self.fetched_at is not None and self.fetched_at <= self.at:
            detail += f"; had the result of {moment(self.fetched_at)}"
        yield told | {"at": self.at, "event": "requested", "detail": detail}
        if self.cancelled:
            yield told | {"at": self.cancelled_at, "event": "cancelled"}


@dataclass(frozen=True, slots=True)
class Bought:
    """A job that the enrichment is in, or ended in."""

    enrichment_id: int
    cycle: int
    outcome: str | None
    reason: str | None
    fetched_at: datetime | None
    job_id: UUID
    state: str
    batch_id: str | None
    created_at: datetime
    submitting_at: datetime | None
    accepted_at: datetime | None
    completed_at: datetime | None

    def events(self) -> Iterator[dict[str, Any]]:
        """The job's steps, and the purchase's end."""
        told = {"job_id": self.job_id, "cycle": self.cycle}
        steps = {
            "packed": self.created_at,
            "submitted": self.submitting_at,
            "accepted": self.accepted_at,
            "completed": self.completed_at,
            self.outcome: self.fetched_at,
        }
        for event, at in steps.items():
            if event is not None and at is not None:
                ended = event == self.outcome
                yield told | {
                    "at": at,
                    "event": event,
                    "batch_id": None if event in ("packed", "submitted") else self.batch_id,
                    "detail": self.reason if ended else None,
                }


def histories(
    standings: Mapping[int, tuple[Lane, Standing]],
) -> Script[dict[int, list[HistoryEvent]]]:
    """What happened to each of these enrichments, by its id, in the order of time."""
    parameters = {"ids": list(standings)}
    happened: dict[int, list[dict[str, Any]]] = defaultdict(list)
    ended: dict[int, set[int]] = defaultdict(set)
    asked: dict[int, set[int]] = defaultdict(set)
    for item in (yield from ask(SQL.requested, Requested, parameters)):
        happened[item.enrichment_id] += item.events()
        asked[item.enrichment_id].add(item.cycle)
    for job in (yield from ask(SQL.bought, Bought, parameters)):
        happened[job.enrichment_id] += job.events()
        if job.outcome is not None:
            ended[job.enrichment_id].add(job.cycle)
    found = {}
    for id, (lane, standing) in standings.items():
        events = sorted(happened[id], key=lambda it: it["at"])
        missing = _missing(standing, asked[id], ended[id])
        of = lane.told()
        found[id] = [HistoryEvent(**of, **event) for event in [*missing, *events]]
    return found


def _missing(standing: Standing, asked: set[int], ended: set[int]) -> Iterator[dict[str, Any]]:
    """What each purchase leaves in the ledger, and some have not left, or not any more."""
    for cycle in range(1, standing.cycle + 1):
        now = cycle == standing.cycle
        if cycle not in asked:
            detail = "who asked for it: removed since"
            yield {"at": None, "event": "missing", "cycle": cycle, "detail": detail}
        has_none = now and (standing.waiting or standing.state == EnrichmentState.CANCELLED)
        if cycle not in ended and not has_none:
            detail = "how it ended: removed since" + ("" if now else ", or cancelled")
            yield {"at": None, "event": "missing", "cycle": cycle, "detail": detail}
