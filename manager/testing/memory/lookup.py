"""lookup.sql"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manager.testing.memory.ledger import Enrichment
from manager.testing.memory.statements import Parameters, Statements


class Lookup(Statements):
    """What is known of identifiers, without a request."""

    read_only = Statements._nothing

    def accounts(self, _: Parameters) -> list[Any]:
        return sorted(self.ledger.accounts)

    def lanes(self, p: Parameters) -> list[Any]:
        return [
            {"id": it.id, "account": it.account, "endpoint": it.endpoint, "fields": it.fields}
            for it in self.ledger.lanes
            if it.identifier_type == p["identifier_type"]
            and p["account"] in (None, it.account)
            and p["endpoint"] in (None, it.endpoint)
        ]

    def known(self, p: Parameters) -> list[Any]:
        found = self.ledger.enrichments
        asked = [found.get((lane, key)) for key in p["keys"] for lane in p["lanes"]]
        return [self._standing(it) for it in asked if it is not None]

    def records(self, p: Parameters) -> list[Any]:
        by_id = {it.id: it for it in self.ledger.enrichments.values()}
        wanted = zip(p["ids"], p["cycles"], strict=True)
        ends = [self.ledger.ends[by_id[id], cycle] for id, cycle in wanted]
        return [
            {"enrichment_id": id, "internal_id": None, "record": end.record}
            for id, end in zip(p["ids"], ends, strict=True)
        ]

    def requested(self, p: Parameters) -> list[Any]:
        found = []
        for request in self.ledger.requests.values():
            for item in request.items:
                end = self.ledger.ends.get((item.enrichment, item.cycle))
                if item.enrichment.id in p["ids"]:
                    found.append(
                        {
                            "enrichment_id": item.enrichment.id,
                            "cycle": item.cycle,
                            "at": request.created_at,
                            "request_id": request.id,
                            "position": item.position,
                            "value": item.value,
                            "cancelled": item.cancelled,
                            "cancelled_at": request.cancelled_at,
                            "fetched_at": end and end.fetched_at,
                        }
                    )
        return found

    def bought(self, p: Parameters) -> list[Any]:
        return [
            {
                "enrichment_id": enrichment.id,
                "cycle": cycle,
                "outcome": end.outcome.value,
                "reason": end.reason,
                "job_id": end.job_id,
                "state": "merged",
                "batch_id": str(end.job_id),
                "fetched_at": end.fetched_at,
            }
            | dict.fromkeys(
                ("created_at", "submitting_at", "accepted_at", "completed_at"), end.fetched_at
            )
            for (enrichment, cycle), end in self.ledger.ends.items()
            if enrichment.id in p["ids"]
        ]

    def _standing(self, it: Enrichment) -> dict[str, Any]:
        ended = self.ledger.ends.get((it, it.cycle))
        records = [
            (end.fetched_at, cycle, end.job_id) for cycle, end in self._ends(it) if end.record
        ]
        record_at, record_cycle, record_job = max(records, default=(None, None, None))
        return {
            "key": it.key,
            "enrichment_id": it.id,
            "lane_id": it.lane.id,
            "state": it.state,
            "cycle": it.cycle,
            "attempts": 0,
            "due_at": it.due_at,
            "settled_at": it.settled_at,
            "reason": it.reason,
            "job_id": ended and ended.job_id,
            "job_state": None,
            "record_cycle": record_cycle,
            "record_at": record_at,
            "record_job": record_job,
            "now": self.ledger.now(),
        }

    def _ends(self, it: Enrichment) -> Iterator[tuple[int, Any]]:
        for cycle in range(1, it.cycle + 1):
            if (end := self.ledger.ends.get((it, cycle))) is not None:
                yield cycle, end
