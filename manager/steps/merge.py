"""Merge: download a job's results, check them, and settle its enrichments in one transaction.

The merge can be cut off and repeated at any byte: until its one transaction commits nothing
has happened, and after it the job is merged.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager.identifiers import NORMALISERS
from manager.ledger.connect import cursor, execute, first, rows, transaction
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.backoff import backoff, waited
from manager.steps.context import Context, Wake
from manager.steps.settle import fail, limit_waiting, settle
from manager.vendor import download, errors
from manager.vendor.envelope import BadEnvelope, decode, storable
from manager.vendor.types import VendorJob

log = logging.getLogger(__name__)

SQL = Statements("merge")
SETTLE = Statements("settle")
# Tries at getting a results file whole before those of its parts that are whole are taken.
FILE_TRIES = 5
# Seconds for which results that are gone or broken are asked for all the same, ever more rarely: a
# vendor in trouble says so, too, and they are paid for.
PATIENCE = 3600.0
MAX_STRAYS = 1_000
MAX_STRAY_BYTES = 65_536


@dataclass(slots=True)
class ResultsFile:
    """A downloaded results file on its way into the ledger."""

    paths: list[Path]
    expected: int | None
    identifier_type: str
    settings: Settings
    lines: int = 0
    unreadable: int = 0
    broken: str | None = field(default=None)

    def rows(self) -> Iterator[tuple[int, str | None, int | None, str | None, str | None]]:
        """(line, key, internal_id, record, reason) of each envelope, for COPY."""
        normalise = NORMALISERS[self.identifier_type]
        for line in self.readable():
            self.lines += 1
            key = None
            try:
                envelope = decode(line)
                key = normalise(envelope.original_identifier).key
                record = storable(bytes(envelope.data))
            except (BadEnvelope, ValueError) as error:
                self.unreadable += key is None
                yield self.lines, key, None, None, f"the envelope cannot be read: {error}"
            else:
                yield self.lines, key, envelope.internal_id, record, None

    def readable(self) -> Iterator[bytes]:
        """The lines, as far as they can be read."""
        try:
            yield from download.lines(self.paths, self.settings)
        except errors.ResultsCorrupt as error:
            self.broken = str(error)

    def drop_broken_parts(self) -> None:
        """Read only whole parts: where bits have flipped, records may be wrong yet readable."""
        whole = []
        for path in self.paths:
            try:
                deque(download.lines([path], self.settings), maxlen=0)
            except errors.ResultsCorrupt as error:
                self.broken = str(error)
            else:
                whole.append(path)
        self.paths = whole

    def doubt(self) -> str | None:
        """Why an identifier that is not in the file may have been delivered all the same."""
        if self.broken:
            return f"the results file is corrupt: {self.broken}"
        if self.expected is not None and self.lines != self.expected:
            return f"the results file has {self.lines} lines, the vendor says {self.expected}"
        return None


def merge(context: Context, job_id: UUID) -> list[Wake]:
    """Merge the job's results if they are waiting; try again later when they cannot be had."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:
            return []
        job = first(connection, SQL.completed_job, {"job_id": job_id})
        if job is None:
            return []
        directory = context.spool_dir / str(job_id)
        try:
            _merge(context, connection, job, directory)
        except errors.ResultsTooLarge as error:
            _end(context, connection, job, SETTLE.failed, f"the results cannot be merged: {error}")
        except (errors.UnknownJob, errors.LinksExpired) as error:
            why = f"the results are gone: {error}; enqueue again to buy them again"
            if not _has_been_patient(context, job):
                return _again(context, connection, job, why, bad_file=True)
            _end(context, connection, job, SETTLE.expired, why)
        except errors.ResultsCorrupt as error:
            return _again(context, connection, job, str(error), bad_file=True)
        except (
            errors.VendorError,
            errors.DownloadError,
            psycopg.OperationalError,
            OSError,
        ) as error:
            return _again(context, connection, job, str(error))
        shutil.rmtree(directory, ignore_errors=True)
    return []


def _merge(context: Context, connection: Connection[Any], job: Any, directory: Path) -> None:
    paths, expected = [], job.result_count
    if expected != 0:  # without results a link may point to a file never written
        answer = context.vendor.status(job.batch_id)
        paths = _fetch(context, job, answer, directory)
        expected = answer.result_count or expected  # the poll's answer may have been wrong
    file = ResultsFile(paths, expected, job.identifier_type, context.settings)
    if _is_final(context, job, broken=True):
        file.drop_broken_parts()
    try:
        _store(context, connection, job, replace(file), careful=False)
    except psycopg.DataError:
        log.warning("job %s: Postgres refused a record; looking for it", job.id)
        _store(context, connection, job, replace(file), careful=True)


def _has_been_patient(context: Context, job: Any) -> bool:
    """Whether it was told so for long enough; other failures in between are not counted."""
    return waited(context.settings, job.bad_files) >= PATIENCE


def _is_final(context: Context, job: Any, *, broken: bool) -> bool:
    """Whether to make do with the file; a broken one may still be replaced by a whole one."""
    return job.bad_files + 1 >= FILE_TRIES and (not broken or _has_been_patient(context, job))


def _fetch(context: Context, job: Any, answer: VendorJob, directory: Path) -> list[Path]:
    if job.bad_files:  # what was downloaded before may be what is wrong
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    return download.fetch(
        answer, directory, context.settings, lambda: context.vendor.status(job.batch_id)
    )


def _store(
    context: Context,
    connection: Connection[Any],
    job: Any,
    file: ResultsFile,
    *,
    careful: bool,
) -> None:
    """The one transaction. Raises ResultsCorrupt when another try may bring a better file."""
    with transaction(connection, "merge"):
        limit_waiting(connection, context.settings)
        execute(connection, SQL.create_staging, {})
        with cursor(connection).copy(SQL.copy_staging) as copy:
            for row in file.rows():
                copy.write_row(row)
        doubt = file.doubt()
        if doubt and not _is_final(context, job, broken=file.broken is not None):
            raise errors.ResultsCorrupt(doubt)
        if careful:
            execute(connection, SQL.drop_unstorable, {})
        execute(connection, SQL.analyze_staging, {})
        if file.unreadable and not doubt:
            doubt = f"{file.unreadable} lines of the results file cannot be read"
        parameters = {"job_id": job.id, "doubt": doubt, "limit": MAX_STRAYS}
        execute(connection, SQL.lock_enrichments, parameters)
        execute(connection, SQL.insert_results, parameters)
        strays = _keep_strays(connection, job, file, parameters)
        settle(connection, job.id)
        why = f"{file.lines} results" + (f", {strays} stray" if strays else "")
        execute(connection, SQL.merged, parameters | {"why": f"{why}; {doubt}" if doubt else why})


def _keep_strays(
    connection: Connection[Any], job: Any, file: ResultsFile, parameters: dict[str, Any]
) -> int:
    """Keep the envelopes that settle nothing, cut to a bounded size."""
    strays = {row.line: row.reason for row in rows(connection, SQL.stray_lines, parameters)}
    if not strays:
        return 0
    with cursor(connection).copy(SQL.copy_strays) as copy:
        for number, line in enumerate(file.readable(), start=1):
            if number in strays:
                copy.write_row((job.id, number, strays[number], line[:MAX_STRAY_BYTES]))
    return len(strays)


def _end(context: Context, connection: Connection[Any], job: Any, sql: Any, why: str) -> None:
    """The job's results will never be merged: its enrichments fail with the reason."""
    try:
        with transaction(connection, "end"):
            limit_waiting(connection, context.settings)
            if rows(connection, sql, {"job_id": job.id, "why": why}):
                fail(connection, job.id, why)
    except LockNotAvailable as error:
        _again(context, connection, job, str(error))


def _again(
    context: Context, connection: Connection[Any], job: Any, error: str, *, bad_file: bool = False
) -> list[Wake]:
    wait = backoff(context.settings, job.failures)
    log.warning("job %s is merged later: %s", job.id, error)
    execute(
        connection,
        SQL.again,
        {"job_id": job.id, "error": error, "wait": wait, "bad_file": bad_file},
    )
    return []
