"""Settle: bring the enrichments of a job to their ends and count them for their requests.

Everything here runs inside the transaction of the step that ends the job.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager.ledger.connect import execute, rows, transaction
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.backoff import backoff

log = logging.getLogger(__name__)

SQL = Statements("settle")
MERGE = Statements("merge")


def limit_waiting(connection: Connection[Any], settings: Settings) -> None:
    """Let the transaction wait no longer than `merge_lock_timeout` for what a caller's holds.

    It raises LockNotAvailable then, and is tried again later; callers may take their time.
    """
    timeout = f"{int(settings.merge_lock_timeout * 1000)}ms"
    execute(connection, "SELECT set_config('lock_timeout', %(value)s, true)", {"value": timeout})


def settle(connection: Connection[Any], job_id: UUID) -> None:
    """Give the job's enrichments the ends that its results say, and count them."""
    parameters = {"job_id": job_id}
    execute(connection, SQL.settle_job, parameters)
    tallied = rows(connection, SQL.tally, parameters)
    if finished := [request.id for request in tallied if request.finished]:
        execute(connection, SQL.notify_finished, {"ids": finished})


def fail(connection: Connection[Any], job_id: UUID, reason: str) -> None:
    """Every enrichment of the job fails."""
    _lock(connection, job_id)
    execute(connection, SQL.fail_all, {"job_id": job_id, "reason": reason})
    settle(connection, job_id)


def fail_lane(connection: Connection[Any], job_id: UUID, reason: str) -> None:
    """Every enrichment of the job fails, and all that waits in its lane."""
    execute(connection, SQL.lock_lane, {"job_id": job_id})
    execute(connection, SQL.fail_lane, {"job_id": job_id, "reason": reason})
    settle(connection, job_id)


def retry(connection: Connection[Any], settings: Settings, job_id: UUID, reason: str) -> None:
    """The job's enrichments wait for another job; those that failed too often fail for good."""
    _lock(connection, job_id)
    parameters = {
        "job_id": job_id,
        "reason": reason,
        "max_attempts": settings.max_attempts,
        "wait": backoff(settings, 0),
        "priority_step": f"{settings.priority_step} seconds",
    }
    execute(connection, SQL.fail_exhausted, parameters)
    settle(connection, job_id)
    waiting = [row.id for row in rows(connection, SQL.retry, parameters)]
    execute(connection, SQL.cancel_unwanted, {"ids": waiting})


def fail_job(
    connection: Connection[Any], settings: Settings, job_id: UUID, why: str, *, again: bool
) -> bool:
    """End the job as failed, with its enrichments; False when another hand has ended it, or when
    a caller's transaction keeps it from being ended now.

    again: whether its enrichments may be tried in another job.
    """
    try:
        with transaction(connection, "fail"):
            limit_waiting(connection, settings)
            if not rows(connection, SQL.failed, {"job_id": job_id, "why": why}):
                return False
            if again:
                retry(connection, settings, job_id, why)
            else:
                fail(connection, job_id, why)
    except LockNotAvailable:
        log.warning("job %s is failed later: a caller's transaction holds its enrichments", job_id)
        return False
    return True


def _lock(connection: Connection[Any], job_id: UUID) -> None:
    execute(connection, MERGE.lock_enrichments, {"job_id": job_id})
