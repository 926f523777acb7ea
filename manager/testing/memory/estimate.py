"""estimate.sql"""

from __future__ import annotations

from collections import Counter
from typing import Any

from manager.testing.memory.statements import Parameters, Statements

SLOTS = 5
STATES = {"pending": "pending", "failed": "unsuccessful", "cancelled": "unsuccessful"}


class Estimate(Statements):
    """What an enqueue would do."""

    def lane(self, p: Parameters) -> list[Any]:
        if p["account"] not in self.ledger.accounts:
            return []
        found = self.ledger.lane(p)
        return [None if found is None else found.id]

    def count_keys(self, p: Parameters) -> list[Any]:
        counts: Counter[str] = Counter()
        fresh = []
        since = self.ledger.now() - p["max_age"]
        for key in p["keys"]:
            found = self.ledger.enrichments.get((p["lane_id"], key))
            if found is None:
                counts["new"] += 1
            elif found.state in STATES:
                counts[STATES[found.state]] += 1
            elif found.settled_at is not None and found.settled_at > since:
                counts["fresh"] += 1
                fresh.append(found.settled_at)
            else:
                counts["stale"] += 1
        return [{"oldest": min(fresh, default=None), "newest": max(fresh, default=None), **counts}]

    def pace(self, _: Parameters) -> list[Any]:
        return [{"slots": SLOTS, "ahead": 0, "seconds": None}]
