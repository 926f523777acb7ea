"""Decide: an operator settles a submission that `resolve` cannot, having looked at the vendor's.

That is needed when a job that may be ours has ended and its results can never be read: it would
keep the submission, and its slot, for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from manager.errors import ConflictError, NotFoundError, UnavailableError
from manager.ledger.connect import first
from manager.ledger.sql import Statements
from manager.steps import resolve
from manager.steps.context import Context
from manager.steps.submit import KEEP_ANSWER
from manager.vendor import errors
from manager.vendor.types import VendorJob

SQL = Statements("resolve")
_MEANWHILE = "Job {0} is not `submitting` any more; see `enrichd jobs {0}`."


def adopt(context: Context, job_id: UUID, batch_id: str, *, force: bool = False) -> None:
    """The job is that one at the vendor, unless that is certainly another's.

    force: although it is at work still, so that its results cannot tell.
    Raises NotFoundError, ConflictError, UnavailableError.
    """
    with _unresolved(context, job_id, context.settings.submission_limit) as (connection, job):
        theirs = _status(context, batch_id)
        if reason := _not_ours(context, connection, job, theirs, force):
            raise ConflictError(f"{batch_id} is not job {job_id}: {reason}.")
        if not resolve.adopt(connection, job, theirs, f"an operator: it is {theirs.batch_id}"):
            raise ConflictError(_MEANWHILE.format(job_id))


def send_again(context: Context, job_id: UUID, *, force: bool = False) -> None:
    """The vendor does not have the job, unless there are signs that it does.

    force: although there are; but never when the vendor's results show that it is there.
    Raises NotFoundError, ConflictError, UnavailableError.
    """
    settings = context.settings
    settings.redis  # noqa: B018 - raises when it is missing, before anything is done
    patience = max(settings.resolve_window, settings.submission_limit)
    with _unresolved(context, job_id, patience) as (connection, job):
        for sign in _signs(context, connection, job):
            if sign.certain or not force:
                raise ConflictError(f"The vendor {sign.text}")
        why = "an operator: the vendor does not have it"
        if not resolve.send_again(context, connection, job, why):
            raise ConflictError(_MEANWHILE.format(job_id))


class _Sign(NamedTuple):
    """What speaks for the vendor having the job."""

    text: str
    certain: bool = False


def _signs(context: Context, connection: Connection[Any], job: Any) -> Iterator[_Sign]:
    """The certain ones first."""
    with _asking(f"whether it has job {job.id}"):
        candidates = resolve.find_candidates(context, connection, job)
        verdicts = [resolve.judge(context, connection, job, it) for it in candidates]
    for candidate, verdict in zip(candidates, verdicts, strict=True):
        if verdict is resolve.Verdict.OURS:
            yield _Sign(
                f"has job {job.id}: the results of {candidate.batch_id} name its identifiers. "
                f"Use --adopt {candidate.batch_id}.",
                certain=True,
            )
    for candidate in candidates:
        if candidate.active:
            yield _Sign(
                f"may have job {job.id}: {candidate.batch_id} is {candidate.status or 'at work'}. "
                "Wait until it has ended, or add --force."
            )
    if job.webhook_at is not None:
        yield _Sign(f"has had job {job.id}: its webhook came. Use --adopt, or add --force.")


def _not_ours(
    context: Context, connection: Connection[Any], job: Any, theirs: VendorJob, force: bool
) -> str | None:
    """Why it certainly is another's, or may not be adopted yet."""
    if first(connection, SQL.known_batches, {"batch_ids": [theirs.batch_id]}):
        return "it is another one of the ledger"
    if not theirs.is_company_enrich:
        return "it does not enrich companies"
    if theirs.identifier_count not in (None, job.identifier_count):
        return f"it has {theirs.identifier_count} identifiers, not {job.identifier_count}"
    if theirs.created_at and theirs.created_at < job.submitting_at - resolve.CLOCK_MARGIN:
        return f"it was created at {theirs.created_at:%Y-%m-%d %H:%M:%S %Z}, before our submission"
    if theirs.active:
        wait = "wait until it has ended and can be told by its results, or add --force"
        return None if force else f"it is {theirs.status or 'at work'}; {wait}"
    with _asking(f"what {theirs.batch_id} is"):
        verdict = resolve.judge(context, connection, job, theirs)
    return "its results name others" if verdict is resolve.Verdict.NOT_OURS else None


@contextmanager
def _unresolved(
    context: Context, job_id: UUID, patience: float
) -> Iterator[tuple[Connection[Any], Any]]:
    """The job, locked, if it was submitted so many seconds ago and nobody knows how that ended."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            raise ConflictError(f"Job {job_id} is being worked on; try again in a moment.")
        account = context.account(connection)
        job = first(connection, SQL.job, {"job_id": job_id, "account_id": account.id})
        if job is None:
            raise NotFoundError(f"There is no job {job_id} in the ledger.")
        if job.state != "submitting":
            raise ConflictError(f"Job {job_id} is {job.state}: there is nothing to resolve.")
        # a worker that has lost its connection to Postgres may be calling the vendor still
        under_way = patience + KEEP_ANSWER - job.age
        if under_way > 0:
            raise ConflictError(
                f"The submission of job {job_id} may be under way; try again in {under_way:.0f} s."
            )
        yield connection, job


def _status(context: Context, batch_id: str) -> VendorJob:
    try:
        with _asking(f"what {batch_id} is"):
            return context.vendor.status(batch_id)
    except errors.UnknownJob:
        raise NotFoundError(f"The vendor has no job {batch_id} on this account.") from None


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except errors.UnknownJob:
        raise
    except errors.VendorError as error:
        raise UnavailableError(f"The vendor does not say {what}: {error}") from None
