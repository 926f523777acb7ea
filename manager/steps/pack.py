"""Pack: make a job of what waits, as long as more are wanted to keep the slots fed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Json
from uuid_utils.compat import uuid7

from manager import faultpoint
from manager.endpoints import ENDPOINTS
from manager.ledger.execute import execute, first, one, rows, transaction
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.account import Account, Standing
from manager.steps.context import Context, Wake

SQL = Statements("pack")
COMMIT = faultpoint.point("pack.commit")


@dataclass(frozen=True, slots=True)
class ReadyLane:
    """A lane that may be packed, and the most that one of its jobs holds."""

    id: int
    job_size: int


def pack(context: Context, account: Account) -> list[Wake]:
    """Pack one job and come again; nothing when there are enough, or nothing more is ready.

    One at a time, so that the first is submitted while the next is packed.
    """
    with context.ledger.connect() as connection:
        standing = account.standing(connection)
        job_id = _pack_one(context.settings, connection, account, standing)
    if job_id is None:
        return []
    return [Wake("submit", account.name, job_id), Wake("pack", account.name)]


def _pack_one(
    settings: Settings, connection: Connection[Any], account: Account, standing: Standing
) -> UUID | None:
    """Pack the lane that is next in line; None when there is none to pack."""
    job_id = UUID(bytes=uuid7().bytes)
    parameters = {
        "account_id": standing.id,
        "cap": account.cap(standing),
        "job_id": job_id,
        "sizes": Json(
            {name: min(it.job_size, settings.job_size) for name, it in ENDPOINTS.items()}
        ),
        "pack_ahead": settings.pack_ahead,
        "linger": timedelta(seconds=settings.linger),
        "lingered": f"lingered {settings.linger:g} s",
    }
    with transaction(connection, COMMIT):
        if first(connection, SQL.lock_account, int, parameters) is None:
            return None
        parameters["one_unresolved"] = one(connection, SQL.one_unresolved, bool, parameters)
        if one(connection, SQL.room, int, parameters) <= 0:
            return None
        execute(connection, SQL.in_order)
        for lane in rows(connection, SQL.ready_lanes, ReadyLane, parameters):
            claim = parameters | {"lane_id": lane.id, "job_size": lane.job_size}
            # None is left of a lane whose enrichments a caller's open transaction holds.
            if execute(connection, SQL.claim, claim):
                return job_id
    return None
