"""enqueue.sql"""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import copy
from typing import Any

from manager.ledger.states import Outcome
from manager.testing.memory.ledger import (
    LANE,
    Enrichment,
    Item,
    Lane,
    MemoryLedger,
    MemoryRequest,
)
from manager.testing.memory.statements import Parameters, Statements


class Enqueue(Statements):
    """Identifiers become enrichments and items."""

    def __init__(self, ledger: MemoryLedger, source: object) -> None:
        super().__init__(ledger, source)
        self._staged: list[Any] = []
        self._request: MemoryRequest | None = None
        self._before: list[tuple[Enrichment, Enrichment | None]] = []

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
        self._request = self.ledger.requests[p["id"]] = MemoryRequest(
            id=p["id"],
            lane=lane,
            priority=p["priority"],
            key=p["idempotency_key"],
            content_hash=p["content_hash"],
            max_age=p["max_age"],
            total=p["total"],
            metadata=metadata and json.loads(metadata.dumps(metadata.obj)),
            tag=p["tag"],
            linger=p["lingers"],
            source=self.source,
            created_at=now,
            targets=[self.ledger.targets[id - 1] for id in p["targets"] or ()],
            finished_at=None if p["total"] else now,
        )
        if not p["total"]:
            self.ledger.note(self.ledger.requests[p["id"]])
        for _, key, identifier, _ in self._rows(p):
            self._want(lane, key, identifier, p)
        return [{"lane_id": lane.id, "capped": any(it.hard for it in self.ledger.settings.budgets)}]

    def by_idempotency_key(self, p: Parameters) -> list[Any]:
        return [
            {name: getattr(it, name) for name in ("id", "content_hash", "total", "hits", "joined")}
            for it in self._by_key(p)
        ]

    def insert_items(self, p: Parameters) -> list[Any]:
        request = self.ledger.requests[p["id"]]
        for position, key, _, value in self._rows(p):
            wanted = self.ledger.enrichments[request.lane.id, key]
            request.items.append(Item(position, wanted, wanted.cycle, value))
        own = {it.enrichment for it in request.items if it.enrichment.cause == request.id}
        request.hits = sum(it is not None for it in self.ledger.outcomes(request))
        request.joined = request.total - request.hits - len(own)
        if request.total:
            if all(self.ledger.outcomes(request)):
                request.finished_at = request.created_at
            self.ledger.note(request)
        return [{"begun": len(own), "hits": request.hits, "wake": None}]

    insert_few_items = insert_items

    def _rows(self, p: Parameters) -> Iterable[Any]:
        """What is handed over: position, key, identifier, value; of a small call in one value."""
        return [it.values() for it in json.loads(p["rows"])] if "rows" in p else self._staged

    def _want(self, lane: Lane, key: str, identifier: str, p: Parameters) -> None:
        known, now = self.ledger.enrichments, self.ledger.now()
        found = known.get((lane.id, key))
        if found is None:
            made = Enrichment(len(known) + 1, lane, key, identifier, p["priority"], now)
            made.cause, made.tag = p["id"], p["tag"]
            known[lane.id, key] = made
            self._before.append((made, None))
        elif found.state == "pending":
            self._before.append((found, copy(found)))
            found.priority = max(found.priority, p["priority"])
        elif self._is_wanted_anew(found, p):
            self._before.append((found, copy(found)))
            found.renew(p["priority"], now, p["id"], p["tag"])

    def roll_back(self) -> None:
        """The call was refused after all."""
        if self._request is None:
            return
        del self.ledger.requests[self._request.id]
        told = self.ledger.notices
        told[:] = [it for it in told if it.request_id != self._request.id]
        for it, before in reversed(self._before):
            if before is None:
                del self.ledger.enrichments[it.lane.id, it.key]
                continue
            for slot in it.__slots__:
                setattr(it, slot, getattr(before, slot))

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
