"""What the statements of all files have in common."""

from __future__ import annotations

from typing import Any

from manager.testing.memory.ledger import MemoryLedger

Parameters = dict[str, Any]


class Statements:
    """The statements of one file, for one call; `source` is what was given as its `connection`."""

    def __init__(self, ledger: MemoryLedger, source: object) -> None:
        self.ledger = ledger
        self.source = source

    def roll_back(self) -> None:
        """Undo what the call has done: it has failed. Most do nothing that must be undone."""

    def _nothing(self, _: Parameters) -> list[Any]:
        """A statement of which nothing is to be seen."""
        return []
