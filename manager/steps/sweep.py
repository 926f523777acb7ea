"""Sweep: find all due work in the ledger, and put the semaphore right.

Whatever wake-up was lost, the next sweep makes up for it.
"""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from manager.ledger.connect import execute, one, rows
from manager.ledger.sql import Statements
from manager.steps.context import Context, Wake
from manager.steps.reconcile import reconcile_slots

log = logging.getLogger(__name__)

SQL = Statements("sweep")
PACK = Statements("pack")


def sweep(context: Context) -> list[Wake]:
    """The wake-ups of all steps that are due."""
    with context.ledger.connect() as connection:
        account = context.account(connection)
        execute(connection, SQL.swept, {"account_id": account.id})
        try:
            reconcile_slots(context, connection, account)
        except RedisError as error:
            log.warning("the semaphore could not be compared: %s", error)
        parameters = {"account_id": account.id, "cap": account.cap}
        parameters |= one(connection, PACK.one_unresolved, parameters)._asdict()
        due = rows(connection, SQL.due, parameters)
        wakes = [Wake(row.step, row.id) for row in due]
        if one(connection, SQL.poll_due, {"account_id": account.id}).due:
            wakes.append(Wake("poll"))
        if account.paused_reason is None:
            wakes.append(Wake("pack"))
    return wakes
