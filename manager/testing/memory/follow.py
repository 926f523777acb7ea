"""follow.sql"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from manager.ledger.states import Outcome
from manager.testing.memory.ledger import LANE, Item, MemoryRequest
from manager.testing.memory.statements import Parameters, Statements

OWN = (
    "id",
    "priority",
    "total",
    "metadata",
    "created_at",
    "finished_at",
    "cancelled_at",
    "tag",
    "hits",
    "joined",
    "bought",
    "credits",
)


class Follow(Statements):
    """A request's progress, results and cancellation."""

    lock_enrichments = Statements._nothing

    def progress(self, p: Parameters) -> list[Any]:
        found = [self.ledger.requests.get(id) for id in p["ids"]]
        return [self._progress(it) for it in found if it is not None]

    def find(self, p: Parameters) -> list[Any]:
        since = p["since"] or (self.ledger.now() - p["within"] if p["within"] else None)
        found = [it for it in reversed(self.ledger.requests.values()) if _is_wanted(it, since, p)]
        return [it.id for it in found][: p["limit"]]

    def _progress(self, request: MemoryRequest) -> dict[str, Any]:
        outcomes = list(self.ledger.outcomes(request))
        return (
            {outcome.value: outcomes.count(outcome) for outcome in Outcome}
            | {name: getattr(request.lane, name) for name in LANE}
            | {name: getattr(request, name) for name in OWN}
            | {"waits_for": None}
        )

    def results(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests.get(p["id"])
        if request is None:
            return []
        items = [self._result(it) for it in request.items if it.position >= p["position"]]
        wanted = p["outcomes"]
        page = [it for it in items if wanted is None or (it["outcome"] or "waiting") in wanted]
        return [{"endpoint": request.lane.endpoint} | it for it in page[: p["limit"]]]

    def cancel_items(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests.get(p["id"])
        if request is None or request.finished_at is not None:
            return []
        outcomes = list(self.ledger.outcomes(request))
        for item, outcome in zip(request.items, outcomes, strict=True):
            item.cancelled = item.cancelled or outcome is None
        request.cancelled_at = request.finished_at = self.ledger.now()
        self.ledger.note(request)
        return [sum(item.cancelled for item in request.items)]

    def cancel_enrichments(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests[p["id"]]
        self.ledger.cancel_unwanted({item.enrichment for item in request.items})
        return []

    def finished(self, _: Parameters) -> list[Any]:
        self.ledger.changed.notify_all()
        return []

    def _result(self, item: Item) -> dict[str, Any]:
        end = self.ledger.ends.get((item.enrichment, item.cycle))
        values: dict[str, Any] = {"position": item.position, "identifier": item.value}
        nothing = dict.fromkeys(("outcome", "internal_id", "record", "reason", "fetched_at"))
        if item.cancelled:
            cancelled = {"outcome": "cancelled", "reason": "the request was cancelled"}
            return values | nothing | cancelled
        if end is None:
            return values | nothing
        told = {"record": end.record, "reason": end.reason, "fetched_at": end.fetched_at}
        return values | nothing | {"outcome": end.outcome.value} | told


def _is_wanted(it: MemoryRequest, since: datetime | None, p: Parameters) -> bool:
    return (
        (p["before"] is None or it.id < p["before"])
        and p["open"] in (None, it.finished_at is None)
        and p["account"] in (None, it.lane.account)
        and p["tag"] in (None, it.tag)
        and p["idempotency_key"] in (None, it.key)
        and (p["metadata"] is None or _contains(it.metadata, p["metadata"].obj))
        and (since is None or it.created_at >= since)
    )


def _contains(have: Any, wanted: Any) -> bool:
    """As Postgres's @> does."""
    if isinstance(wanted, Mapping):
        return isinstance(have, Mapping) and all(
            key in have and _contains(have[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(have, list) and all(
            any(_contains(it, value) for it in have) for value in wanted
        )
    return isinstance(have, bool) == isinstance(wanted, bool) and bool(have == wanted)
