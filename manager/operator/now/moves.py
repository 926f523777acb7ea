"""Moves: what jobs did last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import rows
from manager.ledger.sql import Statements

SQL = Statements("now")
# Of so many moves those of the account are shown: rows are read by their key alone.
AMONG = 500


@dataclass(frozen=True, slots=True)
class Move:
    """A job went from one state to another, or has another reason to be in it. size: of the job."""

    at: datetime
    account: str
    job_id: UUID
    from_state: str | None
    to_state: str
    why: str
    by: str
    size: int
    endpoint: str


def moves(connection: Connection[Any], account: str | None = None, limit: int = 20) -> list[Move]:
    """The last moves of the account's jobs, or of all, the latest first."""
    parameters = {"account": account, "among": AMONG, "limit": limit}
    return rows(connection, SQL.moves, Move, parameters)
