"""follow.sql"""

from __future__ import annotations

from typing import Any

from manager.ledger.states import Outcome
from manager.testing.memory.ledger import LANE, Item
from manager.testing.memory.statements import Parameters, Statements

OWN = ("id", "priority", "total", "metadata", "created_at", "finished_at", "cancelled_at")


class Follow(Statements):
    """A request's progress, results and cancellation."""

    lock_enrichments = Statements._nothing

    def progress(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests.get(p["id"])
        if request is None:
            return []
        outcomes = list(self.ledger.outcomes(request))
        return [
            {outcome.value: outcomes.count(outcome) for outcome in Outcome}
            | {name: getattr(request.lane, name) for name in LANE}
            | {name: getattr(request, name) for name in OWN}
        ]

    def results(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests.get(p["id"])
        if request is None:
            return []
        page = [it for it in request.items if it.position >= p["position"]][: p["limit"]]
        return [{"endpoint": request.lane.endpoint} | self._result(item) for item in page]

    def cancel_items(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests.get(p["id"])
        if request is None or request.finished_at is not None:
            return []
        outcomes = list(self.ledger.outcomes(request))
        for item, outcome in zip(request.items, outcomes, strict=True):
            item.cancelled = item.cancelled or outcome is None
        request.cancelled_at = request.finished_at = self.ledger.now()
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
