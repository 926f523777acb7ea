"""Settle: bring the enrichments of a job to their ends and count them for their requests.

Everything here runs inside the transaction of the step that ends the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager import faultpoint
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.backoff import backoff
from manager.steps.forget import forget_ended

log = get_logger(__name__)

SQL = Statements("settle")
FAIL = faultpoint.point("fail.commit")
GIVE_UP = faultpoint.point("give_up.commit")


@dataclass(frozen=True, slots=True)
class Tallied:
    """A request that was counted for, and whether its last item was settled by that."""

    id: UUID
    finished: bool


@dataclass(frozen=True, slots=True)
class Bought:
    """How many of a job's records a request was the cause of."""

    request_id: UUID
    count: int


def settle(connection: Connection[Any], job_id: UUID) -> None:
    """Give the job's enrichments the ends that its results say, and count them."""
    bought = rows(connection, SQL.settle_job, Bought, {"job_id": job_id})
    parameters = {
        "job_id": job_id,
        "causes": [it.request_id for it in bought],
        "counts": [it.count for it in bought],
    }
    tallied = rows(connection, SQL.tally, Tallied, parameters)
    tell(connection, tallied)
    forget_ended(connection, job_id)


def tell(connection: Connection[Any], tallied: list[Tallied]) -> None:
    """Wake those who wait for the requests that are finished."""
    if finished := [request.id for request in tallied if request.finished]:
        execute(connection, SQL.notify_finished, {"ids": finished})
        for request_id in finished:
            log.once_committed("request.finished", request=request_id)


def fail(connection: Connection[Any], job_id: UUID, reason: str) -> None:
    """Every enrichment of the job fails."""
    lock(connection, job_id)
    execute(connection, SQL.fail_all, {"job_id": job_id, "reason": reason})
    settle(connection, job_id)


def fail_lane(connection: Connection[Any], job_id: UUID, reason: str) -> None:
    """Every enrichment of the job fails, and all that waits in its lane."""
    execute(connection, SQL.lock_lane, {"job_id": job_id})
    execute(connection, SQL.fail_lane, {"job_id": job_id, "reason": reason})
    settle(connection, job_id)


def retry(connection: Connection[Any], settings: Settings, job_id: UUID, reason: str) -> None:
    """Settle what has an end; the others wait for another job, or fail when they have too often."""
    lock(connection, job_id)
    parameters = {
        "job_id": job_id,
        "reason": reason,
        "max_attempts": settings.max_attempts,
        "wait": backoff(settings, 0),
        "priority_step": f"{settings.priority_step} seconds",
    }
    execute(connection, SQL.fail_exhausted, parameters)
    settle(connection, job_id)
    cancel_unwanted(connection, rows(connection, SQL.retry, int, parameters))


def cancel_unwanted(connection: Connection[Any], ids: list[int]) -> None:
    """Those of these enrichments that no request wants any more are not bought again."""
    execute(connection, SQL.cancel_unwanted, {"ids": ids})


def fail_job(
    connection: Connection[Any],
    settings: Settings,
    account_id: int,
    job_id: UUID,
    why: str,
    *,
    again: bool,
) -> bool:
    """End the job as failed, with its enrichments; False when another hand has ended it, or when
    a caller's transaction keeps it from being ended now.

    again: whether its enrichments may be tried in another job.
    """
    parameters = {"job_id": job_id, "account_id": account_id, "why": why}
    try:
        with transaction(connection, FAIL):
            limit_waiting(connection, settings.merge_lock_timeout)
            if not execute(connection, SQL.failed, parameters):
                return False
            if again:
                retry(connection, settings, job_id, why)
            else:
                fail(connection, job_id, why)
            log.once_committed("job.failed", warn=True, job=job_id, why=why)
    except LockNotAvailable:
        log.warning("job.held", job=job_id, why="a caller's transaction holds its enrichments")
        return False
    return True


def give_up(
    connection: Connection[Any], settings: Settings, account_id: int, job_id: UUID, why: str
) -> bool:
    """End the job as given up: its enrichments fail, what the vendor delivers later is merged.

    False as for `fail_job`, when a caller's transaction keeps it from being ended now.
    """
    parameters = {"job_id": job_id, "account_id": account_id, "why": why}
    try:
        with transaction(connection, GIVE_UP):
            limit_waiting(connection, settings.merge_lock_timeout)
            if execute(connection, SQL.give_up, parameters):
                fail(connection, job_id, why)
                log.once_committed("job.given_up", warn=True, job=job_id, why=why)
    except LockNotAvailable:
        log.warning("job.held", job=job_id, why="a caller's transaction holds its enrichments")
        return False
    return True


def lock(connection: Connection[Any], job_id: UUID) -> None:
    """Keep enqueues and cancels from touching the job's enrichments."""
    execute(connection, SQL.lock_enrichments, {"job_id": job_id})
