"""targets.sql"""

from __future__ import annotations

from typing import Any

from manager.testing.memory.ledger import Target
from manager.testing.memory.statements import Parameters, Statements


class Targets(Statements):
    """Who is told of what."""

    def ids(self, p: Parameters) -> list[Any]:
        return [
            number
            for number, it in enumerate(self.ledger.targets, 1)
            if it.address in p["addresses"] and list(it.events) == p["events"]
        ]

    def make(self, p: Parameters) -> list[Any]:
        made = [Target(it, tuple(p["events"])) for it in p["addresses"]]
        self.ledger.targets += [it for it in made if it not in self.ledger.targets]
        return []
