"""Reconcile: compare the ledger with Redis, and with the vendor's own list, and mend Redis.

The ledger is never changed by what Redis says. What the vendor's list shows and the ledger does
not know are jobs of others with the same key; they take part of the cap.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection
from redis.exceptions import RedisError

from manager.ledger.connect import execute, one, rows
from manager.ledger.sql import Statements
from manager.semaphore import Holder, NotReadyError
from manager.steps.context import Account, Context, Wake
from manager.vendor import errors
from manager.vendor.types import VendorJob

log = logging.getLogger(__name__)

SQL = Statements("sweep")
RESOLVE = Statements("resolve")
# A slot is taken in Redis a moment before the ledger knows of it.
GRACE = 30.0
# How far back an active job can have been created; older pages of the list are not read.
LOOK_BACK = timedelta(days=1)
MAX_PAGES = 5


def acquire(
    context: Context, connection: Connection[Any], account: Account, holder: Holder
) -> int | None:
    """A slot for the holder; None when none is free or Redis cannot be reached."""
    try:
        try:
            return context.slots.acquire(holder, account.cap)
        except NotReadyError:
            reconcile_slots(context, connection, account)
            return context.slots.acquire(holder, account.cap)
    except (RedisError, NotReadyError) as error:
        log.warning("no slot for job %s: %s", holder.job_id, error or "the semaphore is not ready")
        return None


def release(context: Context, holder: Holder, slot: int) -> None:
    """Free the holder's slot; what cannot be freed now is mended by the next sweep."""
    try:
        context.slots.release(holder, slot)
    except RedisError as error:
        log.warning("slot %s of job %s not released yet: %s", slot, holder.job_id, error)


def reconcile_slots(context: Context, connection: Connection[Any], account: Account) -> None:
    """Make the semaphore what the ledger says, one process at a time. Raises RedisError."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('slots'), %s)", [account.id])
        holders = [
            (row.slot, Holder(row.id, row.attempts))
            for row in rows(connection, SQL.holders, {"account_id": account.id})
        ]
        foreign = context.account(connection).foreign_active
        for change in context.slots.rebuild(holders, foreign, GRACE):
            log.warning("slot %s in Redis: %s, the ledger says %s", *change)


def reconcile(context: Context) -> list[Wake]:
    """Learn from the vendor's list how many active jobs are not ours."""
    with context.ledger.connect() as connection:
        account = context.account(connection)
        if not one(connection, SQL.work_left, {"account_id": account.id}).jobs:
            return []
        since = datetime.now(UTC) - LOOK_BACK
        try:
            active = [
                job
                for job in context.vendor.iter_jobs(created_since=since, max_pages=MAX_PAGES)
                if job.active
            ]
        except errors.VendorError as error:
            log.warning("the vendor's list of jobs could not be read: %s", error)
            return []
        foreign = count_foreign(connection, account.id, active)
        parameters = {"account_id": account.id, "foreign_active": foreign}
        execute(connection, SQL.set_foreign, parameters)
        try:
            reconcile_slots(context, connection, account)
        except RedisError as error:
            log.warning("the semaphore could not be mended: %s", error)
    return [Wake("sweep")]


def count_foreign(connection: Connection[Any], account_id: int, active: list[VendorJob]) -> int:
    """How many of the vendor's active jobs are certainly not ours.

    An unknown one of the size of a submission that is under way, or unresolved, may be ours.
    """
    # in this order: what is accepted in between is known
    sizes = rows(connection, RESOLVE.submitting_sizes, {"account_id": account_id})
    batch_ids = [job.batch_id for job in active]
    known = {
        row.batch_id for row in rows(connection, RESOLVE.known_batches, {"batch_ids": batch_ids})
    }
    unknown = [job.identifier_count for job in active if job.batch_id not in known]
    for row in sizes:
        if row.identifier_count in unknown:
            unknown.remove(row.identifier_count)
    return len(unknown)
