"""Pack: make jobs of what waits, just enough of them to keep the slots fed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from uuid_utils.compat import uuid7

from manager.ledger.connect import execute, first, one, rows, transaction
from manager.ledger.sql import Statements
from manager.steps.context import Account, Context, Wake

SQL = Statements("pack")


def pack(context: Context) -> list[Wake]:
    """Pack until there are jobs enough, or nothing more is ready."""
    packed: list[Wake] = []
    with context.ledger.connect() as connection:
        account = context.account(connection)
        while job_id := _pack_one(context, connection, account):
            packed.append(Wake("submit", job_id))
    return packed


def _pack_one(context: Context, connection: Connection[Any], account: Account) -> UUID | None:
    """Pack the lane that is next in line; None when there is none to pack."""
    settings = context.settings
    job_id = UUID(bytes=uuid7().bytes)
    parameters = {
        "account_id": account.id,
        "cap": account.cap,
        "job_id": job_id,
        "job_size": settings.job_size,
        "pack_ahead": settings.pack_ahead,
        "linger": timedelta(seconds=settings.linger),
        "lingered": f"lingered {settings.linger:g} s",
    }
    with transaction(connection, "pack"):
        if first(connection, SQL.lock_account, parameters) is None:
            return None
        parameters |= one(connection, SQL.one_unresolved, parameters)._asdict()
        if one(connection, SQL.room, parameters).room <= 0:
            return None
        execute(connection, SQL.in_order, {})
        for lane in rows(connection, SQL.ready_lanes, parameters):
            # None is left of a lane whose enrichments a caller's open transaction holds.
            if execute(connection, SQL.claim, parameters | {"lane_id": lane.id}):
                return job_id
    return None
