"""Submit: take a slot, write down that the job may be at the vendor, call, write the answer down.

The API has no idempotency key. So a job is sent again only when the vendor certainly does not
have it; whenever that is not certain it stays `submitting`, and `resolve` finds out.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation, LockNotAvailable, UniqueViolation

from manager.errors import UnavailableError
from manager.ledger.connect import execute, first, rows, transaction
from manager.ledger.sql import Statements
from manager.semaphore import Holder
from manager.steps.backoff import backoff
from manager.steps.context import Account, Context, Wake
from manager.steps.reconcile import acquire, release
from manager.steps.reject import reject
from manager.steps.schedule import first_poll
from manager.vendor import errors

log = logging.getLogger(__name__)

SQL = Statements("submit")
SETTLE = Statements("settle")
SIZE_TAKEN = "job_one_submission_per_size"
# How long the answer of the vendor is worth keeping while Postgres is away.
KEEP_ANSWER = 30.0


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt at one job."""

    job: Any
    holder: Holder
    slot: int
    token: str
    begun: float

    @property
    def parameters(self) -> dict[str, Any]:
        """What every statement about it needs."""
        return {"job_id": self.holder.job_id, "attempts": self.holder.attempt}


def submit(context: Context, job_id: UUID) -> list[Wake]:
    """Submit the job if it is due and a slot is free."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            return []
        account = context.account(connection)
        job = first(connection, SQL.due_job, {"job_id": job_id})
        if job is None:
            return []
        submission = _begin(context, connection, account, job)
        if submission is None:
            return []
        return _send(context, connection, submission)


def _begin(
    context: Context, connection: Connection[Any], account: Account, job: Any
) -> Submission | None:
    """Take a slot and commit that the job is being submitted; None when it has to wait."""
    holder = Holder(job.id, job.attempts + 1)
    slot = acquire(context, connection, account, holder)
    if slot is None:
        return None
    try:  # only now: a call that is not made must not be counted
        context.gate.before("submit")
    except errors.RateLimited as limited:
        release(context, holder, slot)
        _wait(connection, job.id, limited.wait, str(limited))
        return None
    begun, token = time.monotonic(), secrets.token_urlsafe(32)
    parameters = {
        "job_id": job.id,
        "attempts": job.attempts,
        "slot": slot,
        "why": f"attempt {holder.attempt} in slot {slot}",
        "token_hash": hash_token(token),
        "resolve_after": timedelta(seconds=context.settings.submission_limit),
    }
    try:
        taken = first(connection, SQL.begin, parameters)
    except (UniqueViolation, ForeignKeyViolation) as violation:
        # Another job of this size is being submitted, or Redis granted what the ledger knows
        # to be taken; the next sweep puts Redis right.
        release(context, holder, slot)
        if violation.diag.constraint_name == SIZE_TAKEN:
            _make_way(context, connection, job.id)
        return None
    if taken is None:
        release(context, holder, slot)
        return None
    return Submission(job, holder, slot, token, begun)


def _make_way(context: Context, connection: Connection[Any], job_id: UUID) -> None:
    """Give the job another size than the unresolved submission has, or let it wait its turn."""
    why = "one less: an unresolved submission has the same size"
    with transaction(connection, "shed"):
        shed = [row.id for row in rows(connection, SQL.shed, {"job_id": job_id, "why": why})]
        execute(connection, SETTLE.cancel_unwanted, {"ids": shed})
    if not shed:
        _wait(connection, job_id, context.settings.poll_min / 2, "a job of the same size first")


def _send(context: Context, connection: Connection[Any], submission: Submission) -> list[Wake]:
    settings, job = context.settings, submission.job
    identifiers = [row.identifier for row in rows(connection, SQL.identifiers, {"job_id": job.id})]
    webhook = (
        f"{settings.webhook_url}/webhooks/{job.id}/{submission.token}"
        if settings.webhook_url
        else None
    )
    poll_after = first_poll(settings, connection, job.lane_id, job.identifier_count)
    # A worker that was stopped in between must not wake up and send what others have given up.
    if time.monotonic() - submission.begun > settings.submit_deadline:
        return _put_back(context, connection, submission, timedelta(0), "the worker was too slow")
    try:
        accepted = context.vendor.submit(
            job.identifier_type, identifiers, job.fields, webhook, admitted=True
        )
    except errors.VendorError as error:
        return _refused(context, connection, submission, error)
    parameters = submission.parameters | {
        "batch_id": accepted.batch_id,
        "entities_requested": accepted.entities_requested,
        "why": f"accepted as {accepted.batch_id}",
        "poll_after": poll_after,
    }
    # nothing may come between the answer and its writing down
    if not write_down(context, connection, SQL.accepted, parameters):
        log.warning("job %s was accepted as %s, too late", job.id, accepted.batch_id)
    return []


def _refused(
    context: Context,
    connection: Connection[Any],
    submission: Submission,
    error: errors.VendorError,
) -> list[Wake]:
    """Do what the vendor's answer asks for; see the taxonomy in manager.vendor.errors."""
    settings, job, why = context.settings, submission.job, str(error)
    wait = backoff(settings, job.failures)
    match error:
        case errors.RateLimited():
            return _put_back(context, connection, submission, timedelta(seconds=error.wait), why)
        case errors.TooManyRequests():  # the cap, or undecidable: the list will tell
            _put_back(context, connection, submission, wait, why, failed=True)
            return [Wake("reconcile")]
        case errors.NoCredits() | errors.Unauthorized():
            pause = {"account_id": job.account_id, "reason": why}
            write_down(context, connection, SQL.pause, pause)
            return _put_back(context, connection, submission, timedelta(0), why)
        case errors.BadRequest() | errors.TooLarge():
            try:
                return reject(context, connection, submission, error)
            except LockNotAvailable:
                return _put_back(context, connection, submission, wait, why, failed=True)
        case errors.NotSent() | errors.Refused():
            return _put_back(context, connection, submission, wait, why, failed=True)
        case _:
            parameters = submission.parameters | {
                "why": f"unresolved: {why}",
                "error": why,
                "wait": timedelta(seconds=settings.poll_min),
            }
            write_down(context, connection, SQL.unresolved, parameters)
            return []


def _put_back(
    context: Context,
    connection: Connection[Any],
    submission: Submission,
    wait: timedelta,
    why: str,
    *,
    failed: bool = False,
) -> list[Wake]:
    """The vendor certainly does not have the job: it waits, and its slot is free."""
    parameters = submission.parameters | {
        "why": why,
        "error": why,
        "failed": failed,
        "wait": wait,
    }
    write_down(context, connection, SQL.put_back, parameters)
    release(context, submission.holder, submission.slot)
    return []


def _wait(connection: Connection[Any], job_id: UUID, seconds: float, why: str) -> list[Wake]:
    execute(
        connection,
        SQL.wait,
        {"job_id": job_id, "wait": timedelta(seconds=seconds), "error": why},
    )
    return []


def write_down(
    context: Context, connection: Connection[Any], sql: Any, parameters: dict[str, Any]
) -> int:
    """Write the vendor's answer into the ledger, through a restart of Postgres if need be.

    The statement compares the attempt, so it is safe without the job's lock. If it cannot be
    written the job stays `submitting`, and `resolve` finds out what was answered.
    """
    deadline = time.monotonic() + KEEP_ANSWER
    try:
        return execute(connection, sql, parameters)
    except psycopg.OperationalError:
        pass
    while True:
        try:
            with context.ledger.connect() as another:
                return execute(another, sql, parameters)
        except (psycopg.OperationalError, UnavailableError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def hash_token(token: str) -> bytes:
    """What the ledger keeps of a webhook's token."""
    return hashlib.sha256(token.encode()).digest()
