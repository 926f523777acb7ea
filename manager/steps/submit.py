"""Submit: take a slot, write down that the job may be at the vendor, call, write the answer down.

A job is sent again only when the vendor certainly does not have it; whenever that is not certain
it stays `submitting`, and `resolve` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager import faultpoint
from manager.endpoints import ENDPOINTS
from manager.ledger.execute import execute, first, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.steps import settle
from manager.steps.account import Account
from manager.steps.attempt import SQL as ATTEMPT
from manager.steps.attempt import Attempt, SizeTakenError
from manager.steps.backoff import backoff
from manager.steps.context import Context, Wake
from manager.steps.pause import pause, pause_endpoint
from manager.steps.reject import reject
from manager.steps.schedule import hint, plan
from manager.steps.take_out import take_out_marked
from manager.vendor import errors

log = get_logger(__name__)

SQL = Statements("submit")
# Refusals of a job for no reason that is known, after which its endpoint is paused.
REFUSED_LIMIT = 10
SHED = faultpoint.point("shed.commit")


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that is to be submitted."""

    id: UUID
    identifier_count: int
    attempts: int
    failures: int
    lane_id: int
    endpoint: str
    identifier_type: str
    fields: list[str]


def submit(context: Context, account: Account, job_id: UUID) -> list[Wake]:
    """Submit the job if it is due and a slot is free."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            return []
        standing = account.standing(connection)
        parameters = {"job_id": job_id, "account_id": standing.id}
        job = first(connection, SQL.due_job, DueJob, parameters)
        if job is None:
            return []
        try:
            if take_out_marked(connection, context.settings, job_id):
                return [Wake("submit", account.name, job_id)]
        except LockNotAvailable:
            wait = context.settings.look_min
            return _wait(connection, account, job, wait, "a caller's transaction")
        try:
            attempt = Attempt.begin(context, account, connection, standing, job, job.attempts)
        except errors.NotYourTurn as turn:
            return _wait(connection, account, job, turn.wait, str(turn))
        except SizeTakenError:
            return _make_way(context, connection, account, job)
        return _send(attempt) if attempt else []


def _make_way(
    context: Context, connection: Connection[Any], account: Account, job: DueJob
) -> list[Wake]:
    """Give the job another size than the unresolved submission has, or let it wait its turn."""
    why = "one less: an unresolved submission has the same size"
    parameters = {"job_id": job.id, "account_id": account.id, "why": why}
    with transaction(connection, SHED):
        shed = rows(connection, SQL.shed, int, parameters)
        settle.cancel_unwanted(connection, shed)
    if shed:
        log.info("job.shed", job=job.id, why=why)
        return []
    return _wait(connection, account, job, context.settings.look_min / 2, "a job of the same size")


def _wait(
    connection: Connection[Any], account: Account, job: DueJob, seconds: float, what: str
) -> list[Wake]:
    parameters = {
        "job_id": job.id,
        "account_id": account.id,
        "wait": timedelta(seconds=seconds),
        "waits_for": what,
    }
    execute(connection, ATTEMPT.wait, parameters)
    return [Wake("submit", account.name, job.id, delay=seconds)]


def _send(attempt: Attempt) -> list[Wake]:
    context, job = attempt.context, attempt.job
    parameters = {"job_id": job.id}
    identifiers = rows(attempt.connection, SQL.identifiers, str, parameters)
    base = context.settings.webhook_url
    webhook = f"{base}/webhooks/{job.id}/{attempt.token}" if base else None
    if attempt.late:
        attempt.account.gate.give_back("submit", attempt.who)
        attempt.put_back("the worker was too slow")
        return []
    try:
        accepted = attempt.account.vendor.submit(
            ENDPOINTS[job.endpoint],
            job.identifier_type,
            identifiers,
            job.fields,
            webhook,
            admitted=True,
        )
    except errors.VendorError as error:
        return _refused(attempt, error)
    # nothing may come between the answer and its writing down
    why = f"accepted as {accepted.batch_id}"
    if not attempt.accept(accepted.batch_id, accepted.entities_requested, why):
        log.warning("job.accepted_late", job=job.id, batch=accepted.batch_id)
    return [plan(attempt.connection, attempt.context.settings, attempt.account)]


def _refused(attempt: Attempt, error: errors.VendorError) -> list[Wake]:
    """Do what the vendor's answer asks for; see the taxonomy in manager.vendor.errors."""
    job, account, why = attempt.job, attempt.account, str(error)
    wait = backoff(attempt.context.settings, job.failures)
    match error:
        case errors.RateLimited():
            attempt.put_back(why, timedelta(seconds=error.wait))
        case errors.TooManyRequests():  # the cap, or undecidable: the list will tell
            attempt.put_back(why, wait, failed=True)
            hint(attempt.connection, account.id)
            return [Wake("look", account.name)]
        case errors.NoCredits() | errors.Unauthorized():
            pause(attempt.connection, account.id, error)
            attempt.put_back(why)
        case errors.Forbidden():
            pause_endpoint(attempt.connection, account.id, job.endpoint, error)
            attempt.put_back(why)
        case errors.BadRequest() | errors.TooLarge():
            try:
                return reject(attempt, error)
            except LockNotAvailable:
                attempt.put_back(why, wait, failed=True)
        case errors.NotSent():
            attempt.account.gate.give_back("submit", attempt.who)
            attempt.put_back(why, wait, failed=True)
        case errors.Refused():
            if job.failures + 1 >= REFUSED_LIMIT:  # it is not offered, or not to us
                pause_endpoint(attempt.connection, account.id, job.endpoint, error)
            attempt.put_back(why, wait, failed=True)
        case _:
            attempt.leave_unresolved(why)
            return [plan(attempt.connection, attempt.context.settings, account)]
    return []
