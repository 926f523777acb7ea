"""Jobs: find one, give one up that does not end, merge one again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from manager.ledger.execute import first, one, transaction
from manager.ledger.sql import Statements
from manager.ledger.states import ACTIVE, ENDED
from manager.operator.held import holders
from manager.operator.record import COMMIT, Record, unrecorded
from manager.steps import keep, merge, settle
from manager.steps.account import Account
from manager.steps.context import Context
from manager.steps.ended import EndedJob, ask, find
from manager.steps.remerge import remerge
from manager.steps.results_file import ResultsFile
from manager.steps.slots import mend_if_possible
from manager.vendor import download, errors
from manager.vendor.stage import Stage

SQL = Statements("jobs")


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging again came to. source: kept file, fresh links, or the operator's file."""

    source: str
    fulfilled: int
    not_found: int
    doubt: str | None


def account_of(context: Context, job_id: UUID) -> Account:
    """The account of the job. Raises NotFoundError, ConfigurationError when it is not served."""
    with context.ledger.connect() as connection:
        name = first(connection, SQL.account, str, {"job_id": job_id})
    if name is None:
        raise NotFoundError(f"There is no job {job_id} in the ledger.")
    return context.account(name)


def give_up(context: Context, job_id: UUID, record: Record = unrecorded) -> None:
    """Free the slot of a job that does not end. Its enrichments fail, with that reason; what the
    vendor delivers later is merged all the same, as long as its list shows it.

    record: in the transaction that does it. Raises NotFoundError, ConflictError, UnavailableError.
    """
    account = account_of(context, job_id)
    why = (
        "given up by an operator; what the vendor delivers later is merged, enqueue again to buy "
        "it anew"
    )
    with _alone(context, account, job_id) as (connection, job):
        if job.state not in ACTIVE | ENDED:
            raise ConflictError(f"Job {job_id} is {job.state}: there is nothing to give up.")
        with transaction(connection, COMMIT):
            if not settle.give_up(connection, context.settings, account.id, job_id, why):
                raise UnavailableError(
                    f"Job {job_id} is not given up: a caller's open transaction holds some of its "
                    f"enrichments. {holders(context)}Try again when it has ended."
                )
            record(connection)
        mend_if_possible(connection, account, account.standing(connection))


def merge_again(
    context: Context, job_id: UUID, path: Path | None = None, record: Record = unrecorded
) -> Merged:
    """Merge the job's results once more: from that file, else from the file that was kept, else
    from fresh links. What has failed and is in it becomes fulfilled; nothing else changes.

    record: in the transaction that does it. Raises NotFoundError, ConflictError,
    InvalidRequestError for a file that cannot be read, UnavailableError when the vendor does not
    give the results.
    """
    if path is not None and not path.is_file():
        raise InvalidRequestError(f"--file: {path} is no file.")
    account = account_of(context, job_id)
    with _alone(context, account, job_id) as (connection, job):
        at_work = job.given_up_at and job.stage in (None, Stage.PENDING, Stage.PROCESSING)
        if at_work and path is None:
            raise ConflictError(
                f"Job {job_id} was given up, and ends at the vendor later, if at all: its results "
                "are not there yet. Add --file FILE if you have them."
            )
        if job.state in ACTIVE:
            raise ConflictError(
                f"Job {job_id} is {job.vendor_status or job.state}: its results are not there yet."
            )
        kept = keep.files(context, job_id)
        with TemporaryDirectory(prefix="enrichd-") as spool:
            if path is not None:
                source, paths, expected = f"the file {path}", [path], job.result_count
            elif kept:
                source, paths, expected = "the file that was kept", kept, job.result_count
            else:
                source = "the vendor, with fresh links"
                paths, expected = _fetch(context, account, job, Path(spool))
            if job.partial:
                expected = None
            file = ResultsFile(paths, expected, job.identifier_type, context.settings)
            with transaction(connection, COMMIT):
                merged = _merge(context, account, connection, job, file, source)
                record(connection)
            return merged


def _merge(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    file: ResultsFile,
    source: str,
) -> Merged:
    try:
        if job.state in ENDED:
            merge.merge_files(context, account, connection, job, context.spool_dir, file.paths)
            counts = one(connection, SQL.outcomes, Outcomes, {"job_id": job.id})
            return Merged(source, counts.fulfilled, counts.not_found, None)
        done = remerge(context, account, connection, job, file)
    except (errors.ResultsCorrupt, errors.ResultsTooLarge) as error:
        raise InvalidRequestError(f"Nothing was merged from {source}: {error}") from None
    except LockNotAvailable:
        raise UnavailableError(
            "Nothing was merged: a caller's open transaction holds some of the enrichments. "
            f"{holders(context)}Try again when it has ended."
        ) from None
    return Merged(source, done.fulfilled, done.not_found, done.doubt)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the job's enrichments ended."""

    fulfilled: int
    not_found: int


def _fetch(
    context: Context, account: Account, job: EndedJob, spool: Path
) -> tuple[list[Path], int | None]:
    try:
        answer = ask(account, job)
        paths = download.fetch(
            answer,
            spool,
            context.settings,
            account.settings,
            lambda: ask(account, job),
        )
    except (errors.VendorError, errors.DownloadError) as error:
        raise UnavailableError(
            f"The results of job {job.id} cannot be had: {error} If you have them, add --file FILE."
        ) from None
    return paths, answer.result_count


@contextmanager
def _alone(
    context: Context, account: Account, job_id: UUID
) -> Iterator[tuple[Connection[Any], EndedJob]]:
    """The job, locked. Raises ConflictError when a worker is at it, or the vendor never had it."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            raise ConflictError(f"Job {job_id} is being worked on; try again in a moment.")
        job = find(connection, account, job_id, due=False)
        if job is None:
            raise ConflictError(
                f"The vendor never accepted job {job_id}; see `enrichd jobs {job_id}`, and "
                "`enrichd resolve` where the answer was lost."
            )
        yield connection, job
