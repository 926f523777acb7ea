"""Pack: make a job of what waits, as long as more are wanted to keep the slots fed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from manager import faultpoint
from manager.endpoints import ENDPOINTS
from manager.ledger.execute import execute, first, one, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.account import Account, Standing
from manager.steps.context import Context, Wake
from manager.steps.hold import allowance, hold, release

log = get_logger(__name__)

SQL = Statements("pack")
COMMIT = faultpoint.point("pack.commit")


@dataclass(frozen=True, slots=True)
class ReadyLane:
    """A lane that may be packed, and the most that one of its jobs holds."""

    id: int
    endpoint: str
    job_size: int


def pack(context: Context, account: Account) -> list[Wake]:
    """Pack one job and come again; nothing when there are enough, or nothing more is ready.

    One at a time, so that the first is submitted while the next is packed.
    """
    with context.ledger.connect() as connection:
        standing = account.standing(connection)
        packed = _pack_one(context.settings, connection, account, standing)
    again = [Wake("pack", account.name)] if packed.job_id or packed.more else []
    return [Wake("submit", account.name, packed.job_id), *again] if packed.job_id else again


@dataclass(frozen=True, slots=True)
class Packed:
    """The job that was packed; whether more must be taken out of a queue before one can be."""

    job_id: UUID | None = None
    more: bool = False


def _pack_one(
    settings: Settings, connection: Connection[Any], account: Account, standing: Standing
) -> Packed:
    """Pack the lane that is next in line, as far as its budgets allow."""
    job_id = UUID(bytes=uuid7().bytes)
    sizes = {name: min(it.job_size, settings.job_size) for name, it in ENDPOINTS.items()}
    parameters: dict[str, Any] = {
        "account_id": standing.id,
        "cap": account.cap(standing),
        "job_id": job_id,
        "pack_ahead": settings.pack_ahead,
        "linger": timedelta(seconds=settings.linger),
        "lingered": f"lingered {settings.linger:g} s",
    }
    more = False
    with transaction(connection, COMMIT):
        if first(connection, SQL.lock_account, int, parameters) is None:
            return Packed()
        parameters["one_unresolved"] = one(connection, SQL.one_unresolved, bool, parameters)
        if one(connection, SQL.room, int, parameters) <= 0:
            return Packed()
        allowed = allowance(connection, account)
        execute(connection, SQL.in_order)
        release(connection, standing.id, allowed, sizes)
        parameters["sizes"] = Jsonb(allowed.sizes(sizes))
        for lane in rows(connection, SQL.ready_lanes, ReadyLane, parameters):
            tags = allowed.by_tag(lane.endpoint)
            more = (bool(tags) and hold(connection, lane.id, tags, sizes[lane.endpoint])) or more
            claim = parameters | {
                "lane_id": lane.id,
                "endpoint": lane.endpoint,
                "job_size": lane.job_size,
                "capacity": sizes[lane.endpoint],
                "tags": Jsonb(tags),
            }
            # None is left of a lane whose enrichments a caller's open transaction holds.
            if count := execute(connection, SQL.claim, claim):
                log.once_committed("job.packed", job=job_id, lane=lane.id, identifiers=count)
                return Packed(job_id)
    return Packed(more=more)
