"""The account's semaphore, held against the ledger, which Redis never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from redis.exceptions import RedisError

from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.semaphore import Holder, NotReadyError
from manager.steps.account import Account, Standing

log = get_logger(__name__)

SQL = Statements("slots")
# A slot is taken in Redis a moment before the ledger knows of it.
GRACE = 30.0


@dataclass(frozen=True, slots=True)
class Over:
    """A job without a slot, and the last attempt that it has begun."""

    id: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Held:
    """A slot, and the attempt that holds it."""

    slot: int
    id: UUID
    attempts: int


def acquire(
    connection: Connection[Any], account: Account, standing: Standing, holder: Holder
) -> int | None:
    """A slot for the holder; None when none is free or Redis cannot be reached."""
    cap = account.cap(standing)
    try:
        try:
            return account.slots.acquire(holder, cap)
        except NotReadyError:
            mend(connection, account, standing)
            return account.slots.acquire(holder, cap)
    except (RedisError, NotReadyError) as error:
        why = str(error) or "the semaphore is not ready"
        log.warning("slot.not_taken", job=holder.job_id, why=why)
        return None


def release(account: Account, holder: Holder, slot: int) -> None:
    """Free the holder's slot; what cannot be freed now is mended by the next sweep."""
    try:
        account.slots.release(holder, slot)
    except RedisError as error:
        log.warning("slot.not_freed", job=holder.job_id, slot=slot, error=error)


def mend(connection: Connection[Any], account: Account, standing: Standing) -> None:
    """Make the semaphore what the ledger says, one process at a time. Raises RedisError."""
    parameters = {"account_id": standing.id}
    with connection.transaction():
        execute(connection, SQL.lock, parameters)
        _free_what_is_over(connection, account, parameters)
        held = rows(connection, SQL.holders, Held, parameters)
        foreign = one(connection, SQL.foreign_active, int, parameters)
        holders = [(it.slot, Holder(it.id, it.attempts)) for it in held]
        for slot, redis, ledger in account.slots.rebuild(holders, foreign, GRACE):
            log.info("slot.mended", slot=slot, redis=redis, ledger=ledger)


def _free_what_is_over(
    connection: Connection[Any], account: Account, parameters: dict[str, Any]
) -> None:
    """An attempt that the ledger has seen begin and end needs no grace."""
    holders = {slot: holder for slot, holder in account.slots.holders().items() if holder}
    ids = [holder.job_id for holder in holders.values()]
    ended = rows(connection, SQL.over, Over, parameters | {"ids": ids})
    over = {it.id: it.attempts for it in ended}
    for slot, holder in holders.items():
        if holder.attempt <= over.get(holder.job_id, 0):
            account.slots.release(holder, slot)


def mend_if_possible(connection: Connection[Any], account: Account, standing: Standing) -> None:
    """The same; without Redis the next sweep does it."""
    try:
        mend(connection, account, standing)
    except RedisError as error:
        log.warning("semaphore.not_compared", error=error)
