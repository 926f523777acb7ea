"""Slots: who holds them, and which of the free ones others' jobs take at the vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("jobs")


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot and the job that holds it. `taken_by_others`: free, yet of no use for now."""

    account: str
    slot: int
    job_id: UUID | None
    state: str | None
    batch_id: str | None
    identifier_count: int | None
    held_since: datetime | None
    taken_by_others: bool

    @property
    def standing(self) -> str:
        """The state of its job, `free`, or `taken by others`."""
        return self.state or ("taken by others" if self.taken_by_others else "free")


def slots(connection: Connection[Any], account: str | None = None) -> list[Slot]:
    """The slots of the account of that name, else of all accounts, in order."""
    return rows(connection, SQL.slots, Slot, {"account": account})
