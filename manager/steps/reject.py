"""Reject: what becomes of a job that the vendor refuses for good.

An unsupported field fails the whole lane. Anything else may be the fault of one identifier
among many, so the job is halved until the culprit stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import Connection
from uuid_utils.compat import uuid7

from manager.ledger.connect import execute, one, rows, transaction
from manager.ledger.sql import Statements
from manager.steps.context import Context, Wake
from manager.steps.reconcile import release
from manager.steps.settle import fail, fail_lane, limit_waiting
from manager.vendor import errors

if TYPE_CHECKING:
    from manager.steps.submit import Submission

SQL = Statements("submit")
MERGE = Statements("merge")
MAX_REASON = 4_000
# Refusals in a row, without an acceptance in between, upon which the account is paused.
REFUSALS = 50


def reject(
    context: Context,
    connection: Connection[Any],
    submission: Submission,
    error: errors.BadRequest | errors.TooLarge,
) -> list[Wake]:
    """End the job as rejected and settle, or split, its enrichments.

    Raises LockNotAvailable when a caller's transaction holds them; nothing has happened then.
    """
    job, why = submission.job, _why(submission.job, error)
    wakes: list[Wake] = []
    with transaction(connection, "reject"):
        limit_waiting(connection, context.settings)
        parameters = submission.parameters | {"why": why, "error": why}
        if not rows(connection, SQL.reject, parameters):
            return []
        if isinstance(error, errors.BadRequest) and error.available_fields:
            fail_lane(connection, job.id, why)
        elif job.identifier_count == 1:
            fail(connection, job.id, why)
        else:
            execute(connection, MERGE.lock_enrichments, {"job_id": job.id})
            wakes = [Wake("submit", half) for half in _halve(connection, job)]
        _pause_if_refused_everything(connection, job, why)
    release(context, submission.holder, submission.slot)
    return wakes


def _pause_if_refused_everything(connection: Connection[Any], job: Any, why: str) -> None:
    """Halving finds a few culprits; when nothing at all is accepted the fault is elsewhere."""
    one(connection, SQL.lock_account, {"account_id": job.account_id})
    refused = one(connection, SQL.refusals, {"account_id": job.account_id}).count
    if refused and refused % REFUSALS == 0:
        reason = f"the vendor has refused {refused} submissions in a row, the last one so: {why}"
        parameters = {"account_id": job.account_id, "reason": reason[:MAX_REASON]}
        execute(connection, SQL.pause, parameters)


def _why(job: Any, error: errors.VendorError) -> str:
    available = error.available_fields if isinstance(error, errors.BadRequest) else None
    if not available:
        return str(error)[:MAX_REASON]
    unsupported = sorted(set(job.fields) - set(available))
    return (
        f"the vendor does not support the field(s) {', '.join(unsupported) or job.fields}; "
        f"available: {', '.join(available)}"
    )[:MAX_REASON]


def _halve(connection: Connection[Any], job: Any) -> list[UUID]:
    half = (job.identifier_count + 1) // 2
    halves = []
    for size in (half, job.identifier_count - half):
        new_id = UUID(bytes=uuid7().bytes)
        why = f"half of {job.id}, which was rejected"
        parameters = {"job_id": job.id, "new_id": new_id, "size": size, "why": why}
        execute(connection, SQL.split, parameters)
        halves.append(new_id)
    return halves
