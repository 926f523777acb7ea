"""Merge: download a job's results, check them, and settle its enrichments in one transaction.

The merge can be cut off and repeated at any byte: until its one transaction commits nothing
has happened, and after it the job is merged. A job that the vendor has stopped in another way than
by completing it is read like any other; what is not in its results is bought again.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager import faultpoint
from manager.ledger.connect import BROKEN_OFF, limit_waiting
from manager.ledger.execute import execute, transaction
from manager.ledger.holders import who_holds
from manager.ledger.rekey import rekey_ended
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.steps import keep, settle
from manager.steps.account import Account
from manager.steps.backoff import backoff, waited
from manager.steps.context import Context, Wake
from manager.steps.ended import EndedJob, fetch, find
from manager.steps.needs_operator import note_needs
from manager.steps.pause import heed
from manager.steps.remerge import remerge
from manager.steps.results_file import ResultsFile
from manager.steps.staging import REFUSED, keep_strays, stage
from manager.vendor import errors

log = get_logger(__name__)

SQL = Statements("merge")
COMMIT = faultpoint.point("merge.commit")
END = faultpoint.point("end.commit")
# Tries at getting a results file whole before those of its parts that are whole are taken.
FILE_TRIES = 5
# Seconds for which results that are gone or broken are asked for all the same, ever more rarely: a
# vendor in trouble says so, too, and they are paid for.
PATIENCE = 3600.0
MAX_STRAYS = 1_000


def merge(context: Context, account: Account, job_id: UUID) -> list[Wake]:
    """Merge the job's results if they are waiting; try again later when they cannot be had."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            return []
        job = find(connection, account, job_id)
        if job is None:
            return []
        directory = context.spool_dir / str(job_id)
        try:
            if job.given_up_at is not None:
                _merge_late(context, account, connection, job, directory)
            else:
                merge_files(context, account, connection, job, directory)
        except (errors.NotYourTurn, errors.RateLimited) as turn:
            _again(context, connection, account, job, None, turn=turn)
            return [Wake("merge", account.name, job_id, delay=turn.wait)]
        except errors.ResultsTooLarge as error:
            why = f"the results cannot be merged: {error}"
            _end(context, connection, account, job, settle.SQL.failed, why)
            keep.keep(context, job_id, directory)
        except (errors.UnknownJob, errors.LinksExpired) as error:
            why = f"the results are gone: {error}; enqueue again to buy them again"
            if not _has_been_patient(context, job):
                return _again(context, connection, account, job, why, bad_file=True)
            _end(context, connection, account, job, settle.SQL.expired, why)
        except errors.ResultsCorrupt as error:
            return _again(context, connection, account, job, str(error), bad_file=True)
        except (
            errors.VendorError,
            errors.DownloadError,
            *BROKEN_OFF,
            OSError,
        ) as error:
            if isinstance(error, errors.VendorError):
                heed(connection, account.id, error)
            return _again(context, connection, account, job, _trouble(context, connection, error))
        shutil.rmtree(directory, ignore_errors=True)
    return []


def merge_files(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    directory: Path,
    paths: list[Path] | None = None,
) -> None:
    """Merge the results of a job that waits for it.

    paths: where they are already; else they are downloaded into the directory.
    """
    reason: str | None = None
    if paths is None:
        file, reason = fetch(context, account, job, directory)
    else:
        file = ResultsFile(paths, job.result_count, job.identifier_type, context.settings)
    final = _is_final(context, job, broken=True) or paths is not None
    if final:
        file.drop_broken_parts()
    if not file.paths and job.partial:
        ended = f"the vendor ended the job as {job.vendor_status or 'it did'}"
        why = f"{ended}: {reason or 'no reason given'}"
        if not settle.fail_job(connection, context.settings, account.id, job.id, why, again=True):
            _again(
                context, connection, account, job, "a caller's transaction holds its enrichments"
            )
        return
    try:
        doubt = _store(context, account, connection, job, replace(file), careful=False)
    except REFUSED:
        log.warning("record.refused", job=job.id)
        doubt = _store(context, account, connection, job, replace(file), careful=True)
    rekey_ended(connection, job.id)
    if doubt and paths is None:
        keep.keep(context, job.id, directory)


def _merge_late(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    directory: Path,
) -> None:
    """Merge what the vendor has delivered of a job after it was given up."""
    file, _ = fetch(context, account, job, directory)
    if not file.paths and job.partial:
        why = f"given up; then the vendor ended it as {job.vendor_status or 'it did'}, with nothing"
        _again(context, connection, account, job, why, last=True)
        return
    final = _is_final(context, job, broken=True)
    done = remerge(context, account, connection, job, file, final=final)
    if not done.merged:
        _again(context, connection, account, job, "given up; nothing came of it", last=True)


def _trouble(context: Context, connection: Connection[Any], error: Exception) -> str:
    """What is told of it; of enrichments that are held, by whom."""
    if not isinstance(error, LockNotAvailable):
        return str(error)
    settings = context.settings
    held_by = who_holds(connection, settings.database_schema, settings.merge_lock_timeout)
    return f"a caller's transaction holds its enrichments. {held_by}".rstrip()


def _has_been_patient(context: Context, job: EndedJob) -> bool:
    """Whether it was told so for long enough; other failures in between are not counted."""
    return waited(context.settings, job.bad_files) >= PATIENCE


def _is_final(context: Context, job: EndedJob, *, broken: bool) -> bool:
    """Whether to make do with the file; a broken one may still be replaced by a whole one."""
    return job.bad_files + 1 >= FILE_TRIES and (not broken or _has_been_patient(context, job))


def _store(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    file: ResultsFile,
    *,
    careful: bool,
) -> str | None:
    """The one transaction; the doubt that the file leaves.

    Raises ResultsCorrupt when another try may bring a better file.
    """
    with transaction(connection, COMMIT):
        limit_waiting(connection, context.settings.merge_lock_timeout)
        stage(connection, job.id, file, careful=careful)
        doubt = file.doubt()
        if doubt and not _is_final(context, job, broken=file.broken is not None):
            raise errors.ResultsCorrupt(doubt)
        doubt = doubt or file.unread
        parameters = {
            "job_id": job.id,
            "account_id": account.id,
            "doubt": doubt,
            "partial": job.partial,
            "limit": MAX_STRAYS,
            "lines": file.lines,
        }
        settle.lock(connection, job.id)
        execute(connection, SQL.insert_results, parameters)
        strays = keep_strays(connection, job.id, file, SQL.stray_lines, parameters)
        why = f"{file.lines:,} results" + (f", {strays} stray" if strays else "")
        if job.partial:
            ended = f"the vendor ended the job as {job.vendor_status or 'it did'}"
            settle.retry(connection, context.settings, job.id, f"{ended}; this was not delivered")
            why = f"{ended}: {why}"
        else:
            settle.settle(connection, job.id)
        execute(connection, SQL.merged, parameters | {"why": f"{why}; {doubt}" if doubt else why})
        said = {"lines": file.lines, "strays": strays, "doubt": doubt}
        log.once_committed("job.merged", warn=bool(doubt), job=job.id, batch=job.batch_id, **said)
    return doubt


def _end(
    context: Context,
    connection: Connection[Any],
    account: Account,
    job: EndedJob,
    sql: LiteralString,
    why: str,
) -> None:
    """The job's results will never be merged: its enrichments fail with the reason."""
    if job.given_up_at is not None:  # they have failed already
        _again(context, connection, account, job, why, last=True)
        return
    parameters = {"job_id": job.id, "account_id": account.id, "why": why}
    try:
        with transaction(connection, END):
            limit_waiting(connection, context.settings.merge_lock_timeout)
            if execute(connection, sql, parameters):
                settle.fail(connection, job.id, why)
                state = "expired" if sql is settle.SQL.expired else "failed"
                log.once_committed(
                    f"job.{state}", warn=True, job=job.id, batch=job.batch_id, why=why
                )
                note_needs(connection, context.settings, account.id)
    except LockNotAvailable as error:
        _again(context, connection, account, job, _trouble(context, connection, error))


def _again(
    context: Context,
    connection: Connection[Any],
    account: Account,
    job: EndedJob,
    error: str | None,
    *,
    bad_file: bool = False,
    turn: errors.NotYourTurn | errors.RateLimited | None = None,
    last: bool = False,
) -> list[Wake]:
    """Try again later; one that waits for its turn has not failed."""
    wait = timedelta(seconds=turn.wait) if turn else backoff(context.settings, job.failures)
    if error:
        log.warning("merge.delayed", job=job.id, batch=job.batch_id, error=error)
    parameters = {
        "job_id": job.id,
        "account_id": account.id,
        "error": error,
        "waits_for": str(turn) if turn else None,
        "wait": timedelta(days=36_500) if last else wait,
        "failed": turn is None,
        "bad_file": bad_file,
    }
    execute(connection, SQL.again, parameters)
    return []
