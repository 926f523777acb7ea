"""Poll: ask the vendor how the jobs are that are due; one list call answers for several."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from manager.ledger.connect import execute, first, rows
from manager.ledger.sql import Statements
from manager.semaphore import Holder
from manager.steps.backoff import backoff
from manager.steps.context import Context, Wake
from manager.steps.reconcile import release
from manager.steps.schedule import expected, next_poll
from manager.steps.settle import fail_job
from manager.vendor import errors
from manager.vendor.types import VendorJob

log = logging.getLogger(__name__)

SQL = Statements("poll")
SUBMIT = Statements("submit")
# A poller that dies leaves its jobs due again after this.
LEASE = timedelta(seconds=60)
LIST_FROM = 2
MAX_PAGES = 3
# Answers "unknown job" in a row before it is believed.
UNKNOWN_LIMIT = 5


def poll(context: Context) -> list[Wake]:
    """Poll every active job that is due."""
    wakes: list[Wake] = []
    with context.ledger.connect() as connection:
        account = context.account(connection)
        due = rows(connection, SQL.claim_due, {"account_id": account.id, "lease": LEASE})
        listed = _list(context, due) if len(due) >= LIST_FROM else {}
        silent: errors.VendorError | None = None
        for job in due:
            try:
                if silent and job.batch_id not in listed:
                    raise silent
                answer = _ask(context, job, listed)
            except errors.VendorError as error:
                if error.status is None:  # it does not answer: the others need not try, too
                    silent = error
                wakes += _unanswered(context, connection, job, error)
            else:
                wakes += _answered(context, connection, job, answer)
    return wakes


def _list(context: Context, due: list[Any]) -> dict[str, VendorJob]:
    """What the vendor's list says of the jobs; what it does not show is asked one by one."""
    since = datetime.now(UTC) - timedelta(seconds=max(job.age for job in due) + 600)
    wanted = {job.batch_id for job in due}
    found: dict[str, VendorJob] = {}
    try:
        for answer in context.vendor.iter_jobs(created_since=since, max_pages=MAX_PAGES):
            if answer.batch_id in wanted:
                found[answer.batch_id] = answer
                if len(found) == len(wanted):
                    break
    except errors.VendorError as error:
        log.warning("the vendor's list of jobs could not be read: %s", error)
    return found


def _ask(context: Context, job: Any, listed: dict[str, VendorJob]) -> VendorJob:
    """How the job is. The list does not tell why one has failed."""
    answer = listed.get(job.batch_id)
    if answer and (answer.status != "failed" or answer.error_message):
        return answer
    return context.vendor.status(job.batch_id)


def _answered(
    context: Context, connection: Connection[Any], job: Any, answer: VendorJob
) -> list[Wake]:
    if answer.status == "completed":
        return _completed(context, connection, job, answer)
    if answer.status == "failed":
        why = f"the vendor failed the job: {answer.error_message or 'no reason given'}"
        if fail_job(connection, context.settings, job.id, why, again=True):
            _release(context, job)
        return [Wake("sweep")]
    parameters = {
        "job_id": job.id,
        # a state that is not known counts as being at work
        "state": "pending"
        if (answer.status, job.state) == ("pending", "pending")
        else "processing",
        "why": "the vendor works on it",
        "result_count": answer.result_count,
        "entities_fulfilled": answer.entities_fulfilled,
        "wait": next_poll(
            context.settings,
            job.age,
            expected(connection, job.lane_id, job.identifier_count),
        ),
    }
    execute(connection, SQL.again, parameters)
    return []


def _completed(
    context: Context, connection: Connection[Any], job: Any, answer: VendorJob
) -> list[Wake]:
    """The slot is free now; merging is behind it and never holds it."""
    parameters = {
        "job_id": job.id,
        "why": "the vendor is done",
        "entities_requested": answer.entities_requested,
        "entities_fulfilled": answer.entities_fulfilled,
        "result_count": answer.result_count,
    }
    if first(connection, SQL.completed, parameters):
        _release(context, job)
    return [Wake("merge", job.id), Wake("sweep")]


def _unanswered(
    context: Context, connection: Connection[Any], job: Any, error: errors.VendorError
) -> list[Wake]:
    """The job may well go on; it is asked about again later."""
    unknown = isinstance(error, errors.UnknownJob)
    if unknown and job.looks + 1 >= UNKNOWN_LIMIT:
        why = f"the vendor does not know the job {job.batch_id} any more"
        if fail_job(connection, context.settings, job.id, why, again=False):
            _release(context, job)
        return [Wake("sweep")]
    if isinstance(error, errors.Unauthorized):
        parameters = {"account_id": job.account_id, "reason": str(error)}
        execute(connection, SUBMIT.pause, parameters)
    limited = isinstance(error, errors.RateLimited)
    wait = (
        timedelta(seconds=error.wait)  # type: ignore[attr-defined]
        if limited
        else backoff(context.settings, job.failures)
    )
    parameters = {
        "job_id": job.id,
        "error": str(error),
        "wait": wait,
        "failed": not limited,
        "unknown": unknown,
    }
    execute(connection, SQL.unanswered, parameters)
    return []


def _release(context: Context, job: Any) -> None:
    release(context, Holder(job.id, job.attempts), job.slot)
