"""What a run did and found, as a person reads it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

# Seconds after which a recovery is explained.
LONG = 60.0


@dataclass
class Report:
    """What a run did and found.

    recoveries: by fault, seconds from its end until each account's next job was accepted.
    explained: what accounts waited for in those that took long. records: of each account's vendor.
    """

    seed: int
    seconds: float
    injected: Counter[str] = field(default_factory=Counter)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    explained: list[str] = field(default_factory=list)
    requests: int = 0
    identifiers: int = 0
    cancelled: int = 0
    repeated_calls: int = 0
    drained_after: float = 0.0
    longest_pause: float = 0.0
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    enrichments: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    resolved: dict[str, int] = field(default_factory=dict)
    whose: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report, line by line."""
        return [
            f"seed {self.seed}, {self.seconds:g} s of faults, "
            f"drained after {self.drained_after:.1f} s, "
            f"longest time without a job accepted {self.longest_pause:.1f} s",
            f"requests {self.requests:,} ({self.cancelled} cancelled, "
            f"{self.repeated_calls} calls repeated), identifiers {self.identifiers:,}",
            f"enrichments {self.enrichments}",
            f"jobs {self.jobs}; resolved submissions {self.resolved}; vendor's jobs {self.whose}",
            *(_of_vendor(account, record) for account, record in self.records.items()),
            f"{'fault':34} {'times':>5} {'recovered after: median':>24} {'worst':>8}",
            *(self._of_fault(kind, times) for kind, times in sorted(self.injected.items())),
            *self.explained,
            *(f"VIOLATION {violation}" for violation in self.violations),
            f"{self.injected.total()} faults, {len(self.violations)} violations",
        ]

    def _of_fault(self, kind: str, times: int) -> str:
        took = self.recoveries.get(kind, [])
        seconds = f"{median(took):22.2f} s {max(took):6.2f} s" if took else ""
        return f"{kind:34} {times:5} {seconds}"


def _of_vendor(account: str, record: dict[str, Any]) -> str:
    calls = {route: sum(outcomes.values()) for route, outcomes in record["calls"].items()}
    return (
        f"{account}: {record['submissions_accepted']} jobs accepted, highest active "
        f"{record['highest_active_own']} of ours ({record['highest_active']} with others'), "
        f"billed {record['billed']['records']:,} records, {record['billed_foreign']['records']:,} "
        f"of others, bought twice {record['duplicates']['count']}; calls {calls}"
    )
