"""enqueue.sql"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from manager.ledger.states import Outcome
from manager.testing.memory.ledger import LANE, Enrichment, Item, Lane, MemoryLedger, MemoryRequest
from manager.testing.memory.statements import Parameters, Statements


class Enqueue(Statements):
    """Identifiers become enrichments and items."""

    def __init__(self, ledger: MemoryLedger, source: object) -> None:
        super().__init__(ledger, source)
        self._staged: list[Any] = []

    create_staging = analyze_staging = drop_staging = Statements._nothing

    def copy_staging(self, rows: Iterable[Any]) -> list[Any]:
        self._staged += rows
        return []

    def make_lane(self, p: Parameters) -> list[Any]:
        if p["account"] in self.ledger.accounts:
            lanes = self.ledger.lanes
            lanes.append(Lane(len(lanes) + 1, *(p[name] for name in LANE)))
        return []

    def accounts(self, _: Parameters) -> list[Any]:
        return sorted(self.ledger.accounts)

    def insert_request(self, p: Parameters) -> list[Any]:
        lane = self.ledger.lane(p)
        if lane is None or self._by_key(p):
            return []
        metadata = p["metadata"]
        now = self.ledger.now()
        self.ledger.requests[p["id"]] = MemoryRequest(
            id=p["id"],
            lane=lane,
            priority=p["priority"],
            key=p["idempotency_key"],
            content_hash=p["content_hash"],
            max_age=p["max_age"],
            total=p["total"],
            metadata=metadata and json.loads(metadata.dumps(metadata.obj)),
            source=self.source,
            created_at=now,
            finished_at=None if p["total"] else now,
        )
        for _, key, identifier, _ in self._rows(p):
            self._want(lane, key, identifier, p)
        return [lane.id]

    def by_idempotency_key(self, p: Parameters) -> list[Any]:
        return [
            {"id": it.id, "content_hash": it.content_hash, "total": it.total}
            for it in self._by_key(p)
        ]

    def insert_items(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests[p["id"]]
        for position, key, _, value in self._rows(p):
            wanted = self.ledger.enrichments[request.lane.id, key]
            request.items.append(Item(position, wanted, wanted.cycle, value))
        if all(self.ledger.outcomes(request)):
            request.finished_at = request.created_at
        return [None]

    insert_few_items = insert_items

    def _rows(self, p: Parameters) -> Iterable[Any]:
        """What is handed over: position, key, identifier, value; of a small call in one value."""
        return [it.values() for it in json.loads(p["rows"])] if "rows" in p else self._staged

    def _want(self, lane: Lane, key: str, identifier: str, p: Parameters) -> None:
        known, now = self.ledger.enrichments, self.ledger.now()
        found = known.get((lane.id, key))
        if found is None:
            made = Enrichment(len(known) + 1, lane, key, identifier, p["priority"], now)
            known[lane.id, key] = made
        elif found.state == "pending":
            found.priority = max(found.priority, p["priority"])
        elif self._is_wanted_anew(found, p):
            found.renew(p["priority"], now)

    def _by_key(self, p: Parameters) -> list[MemoryRequest]:
        """The request of the account that has the key."""
        return [
            it
            for it in self.ledger.requests.values()
            if it.key is not None
            and (it.lane.account, it.key) == (p["account"], p["idempotency_key"])
        ]

    def _is_wanted_anew(self, found: Enrichment, p: Parameters) -> bool:
        if found.state in (Outcome.FAILED, Outcome.CANCELLED):
            return True
        assert found.settled_at is not None
        return bool(found.settled_at <= self.ledger.now() - p["max_age"])
