"""Resolution: an operator settles a submission that `resolve` cannot, knowing the vendor's jobs.

That is needed when a job that may be ours has ended and its results can never be read: it would
keep the submission, and its slot, for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from manager.endpoints import ENDPOINTS
from manager.errors import ConflictError, NotFoundError, UnavailableError
from manager.ledger.execute import first, one, transaction
from manager.ledger.states import Whose
from manager.operator.job import account_of
from manager.operator.record import COMMIT, Record, unrecorded
from manager.steps import look, resolve
from manager.steps.attempt import KEEP_ANSWER, Attempt
from manager.steps.context import Context
from manager.steps.judge import Candidate, Verdict, judge
from manager.steps.look import STALE
from manager.steps.resolve import Unresolved
from manager.vendor import errors
from manager.vendor.calls import Worth
from manager.vendor.types import VendorJob

SQL = resolve.SQL
_MEANWHILE = "Job {0} is not `submitting` any more; see `enrichd jobs {0}`."


def adopt(
    context: Context,
    job_id: UUID,
    batch_id: str,
    *,
    force: bool = False,
    record: Record = unrecorded,
) -> None:
    """The job is that one at the vendor, unless that is certainly another's.

    force: although it is at work still, so that its results cannot tell.
    record: in the transaction that does it.
    Raises NotFoundError, ConflictError, UnavailableError.
    """
    with _unresolved(context, job_id, context.settings.submission_limit) as (attempt, job):
        theirs = _status(attempt, batch_id)
        if reason := _not_ours(attempt, job, theirs, force):
            raise ConflictError(f"{batch_id} is not taken for job {job_id}: {reason}.")
        why = f"an operator: it is {theirs.batch_id}"
        look.see(attempt.connection, attempt.account, theirs)
        with transaction(attempt.connection, COMMIT):
            if not resolve.adopt(attempt, theirs.batch_id, theirs.entities_requested, why):
                raise ConflictError(_MEANWHILE.format(job_id))
            record(attempt.connection)


def send_again(
    context: Context, job_id: UUID, *, force: bool = False, record: Record = unrecorded
) -> None:
    """The vendor does not have the job, unless there are signs that it does.

    force: although there are; but never when the vendor's results show that it is there.
    record: in the transaction that does it.
    Raises NotFoundError, ConflictError, UnavailableError.
    """
    settings = context.settings
    settings.redis  # noqa: B018 - raises when it is missing, before anything is done
    patience = max(settings.resolve_window, settings.submission_limit)
    with _unresolved(context, job_id, patience) as (attempt, job):
        for sign in _signs(attempt, job):
            if sign.certain or not force:
                raise ConflictError(f"The vendor {sign.text}")
        with transaction(attempt.connection, COMMIT):
            if not resolve.send_again(attempt, "an operator: the vendor does not have it"):
                raise ConflictError(_MEANWHILE.format(job_id))
            record(attempt.connection)


class _Sign(NamedTuple):
    """What speaks for the vendor having the job."""

    text: str
    certain: bool = False


def _signs(attempt: Attempt, job: Unresolved) -> Iterator[_Sign]:
    """The certain ones first."""
    context, account, connection = attempt.context, attempt.account, attempt.connection
    with _asking(f"whether it has job {job.id}"):
        look.look_now(context, account, connection)
        candidates = [
            it
            for it in resolve.find_candidates(context.settings, connection, account, job.id)
            if it.whose == Whose.OPEN
        ]
        for candidate in candidates:
            if candidate.ended and _verdict(attempt, job, candidate).job_id == job.id:
                yield _Sign(
                    f"has job {job.id}: the results of {candidate.batch_id} name its identifiers. "
                    f"Use --adopt {candidate.batch_id}.",
                    certain=True,
                )
    for candidate in candidates:
        if not candidate.ended:
            yield _Sign(
                f"may have job {job.id}: {candidate.batch_id} is {candidate.status or 'at work'}. "
                "Wait until it has ended, or add --force."
            )
    if job.webhook_at is not None:
        yield _Sign(f"has had job {job.id}: its webhook came. Use --adopt, or add --force.")


def _not_ours(attempt: Attempt, job: Unresolved, theirs: VendorJob, force: bool) -> str | None:
    """Why it certainly is another's, or may not be adopted yet."""
    parameters = {
        "account_id": attempt.account.id,
        "batch_id": theirs.batch_id,
        "job_id": job.id,
    }
    if one(attempt.connection, SQL.known, int, parameters):
        return "it is another one of the ledger"
    if not ENDPOINTS[job.endpoint].may_be(theirs.entity, theirs.action):
        return f"it is no job of {job.endpoint}"
    if theirs.identifier_count not in (None, job.identifier_count):
        return f"it has {theirs.identifier_count} identifiers, not {job.identifier_count}"
    if theirs.created_at and theirs.created_at < job.submitting_at - STALE:
        return f"it was created at {theirs.created_at:%Y-%m-%d %H:%M:%S %Z}, before our submission"
    if theirs.active:
        wait = "wait until it has ended and can be told by its results, or add --force"
        return None if force else f"it is {theirs.status or 'at work'}; {wait}"
    look.see(attempt.connection, attempt.account, theirs)
    candidate = Candidate(
        batch_id=theirs.batch_id,
        status=theirs.status,
        stage=theirs.stage,
        whose=Whose.OPEN,
        result_count=theirs.result_count,
        judge_now=True,
        judge_in=0.0,
        judge_failures=0,
        likely=True,
        appeared=True,
    )
    with _asking(f"what {theirs.batch_id} is"):
        verdict = _verdict(attempt, job, candidate)
    if verdict.job_id not in (None, job.id):
        return f"its results name the identifiers of job {verdict.job_id}"
    return "its results name others" if verdict.whose is Whose.FOREIGN else None


def _verdict(attempt: Attempt, job: Unresolved, candidate: Candidate) -> Verdict:
    return judge(
        attempt.context, attempt.account, attempt.connection, job.id, candidate, Worth.LINKS
    )


@contextmanager
def _unresolved(
    context: Context, job_id: UUID, patience: float
) -> Iterator[tuple[Attempt, Unresolved]]:
    """The job, locked, if it was submitted so many seconds ago and nobody knows how that ended."""
    account = account_of(context, job_id)
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            raise ConflictError(f"Job {job_id} is being worked on; try again in a moment.")
        job = resolve.find(context.settings, connection, account, job_id, due=False)
        if job is None:
            parameters = {"job_id": job_id, "account_id": account.id}
            state = first(connection, SQL.state, str, parameters)
            raise ConflictError(f"Job {job_id} is {state}: there is nothing to resolve.")
        # a worker that has lost its connection to Postgres may be calling the vendor still
        under_way = patience + KEEP_ANSWER - job.age
        if under_way > 0:
            raise ConflictError(
                f"The submission of job {job_id} may be under way; try again in {under_way:.0f} s."
            )
        yield resolve.attempt_of(context, account, connection, job), job


def _status(attempt: Attempt, batch_id: str) -> VendorJob:
    try:
        with _asking(f"what {batch_id} is"):
            return attempt.account.vendor.status(batch_id)
    except errors.UnknownJob:
        raise NotFoundError(
            f"The vendor has no job {batch_id} on account {attempt.account.name}."
        ) from None


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except errors.UnknownJob:
        raise
    except errors.NotYourTurn as turn:
        raise UnavailableError(f"The vendor is not asked {what} now: it {turn}.") from None
    except errors.VendorError as error:
        raise UnavailableError(f"The vendor does not say {what}: {error}") from None
