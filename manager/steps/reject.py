"""Reject: what becomes of a job that the vendor refuses for good.

An unsupported field fails the whole lane. Anything else may be the fault of one identifier
among many, so the job is halved until the culprit stands alone.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from uuid_utils.compat import uuid7

from manager import faultpoint
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, one, transaction
from manager.ledger.sql import Statements
from manager.steps import settle
from manager.steps.account import SQL as ACCOUNT
from manager.steps.attempt import Attempt, Submitted
from manager.steps.context import Wake
from manager.steps.pause import MAX_REASON, pause_for
from manager.vendor import errors

SQL = Statements("reject")
COMMIT = faultpoint.point("reject.commit")
# Refusals in a row, without an acceptance in between, upon which the account is paused.
REFUSALS = 50


def reject(attempt: Attempt, error: errors.BadRequest | errors.TooLarge) -> list[Wake]:
    """End the job as rejected and settle, or split, its enrichments.

    Raises LockNotAvailable when a caller's transaction holds them; nothing has happened then.
    """
    connection, job, why = attempt.connection, attempt.job, _why(attempt.job, error)
    halves: list[UUID] = []
    with transaction(connection, COMMIT):
        limit_waiting(connection, attempt.context.settings.merge_lock_timeout)
        if not attempt.reject(why):
            return []
        if isinstance(error, errors.BadRequest) and error.available_fields:
            settle.fail_lane(connection, job.id, why)
        elif job.identifier_count == 1:
            settle.fail(connection, job.id, why)
        else:
            settle.lock(connection, job.id)
            halves = _halve(connection, attempt.account.id, job)
        _pause_if_refused_everything(connection, attempt.account.id, why)
    attempt.release()
    return [Wake("submit", attempt.account.name, half) for half in halves]


def _pause_if_refused_everything(connection: Connection[Any], account_id: int, why: str) -> None:
    """Halving finds a few culprits; when nothing at all is accepted the fault is elsewhere."""
    execute(connection, ACCOUNT.lock_account, {"account_id": account_id})
    refused = one(connection, SQL.refusals, int, {"account_id": account_id})
    if refused and refused % REFUSALS == 0:
        reason = f"the vendor has refused {refused} submissions in a row, the last one so: {why}"
        pause_for(connection, account_id, "refused", reason)


def _why(job: Submitted, error: errors.VendorError) -> str:
    available = error.available_fields if isinstance(error, errors.BadRequest) else None
    if not available:
        return str(error)[:MAX_REASON]
    unsupported = sorted(set(job.fields) - set(available))
    return (
        f"the vendor does not support the field(s) {', '.join(unsupported or job.fields)}; "
        f"available: {', '.join(available)}"
    )[:MAX_REASON]


def _halve(connection: Connection[Any], account_id: int, job: Submitted) -> list[UUID]:
    half = (job.identifier_count + 1) // 2
    halves = []
    for size in (half, job.identifier_count - half):
        new_id = UUID(bytes=uuid7().bytes)
        parameters = {
            "job_id": job.id,
            "account_id": account_id,
            "new_id": new_id,
            "size": size,
            "why": f"half of {job.id}, which was rejected",
        }
        execute(connection, SQL.split, parameters)
        halves.append(new_id)
    return halves
