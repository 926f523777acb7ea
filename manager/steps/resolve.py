"""Resolve: find out whether the vendor has a job whose answer was lost.

A job on the vendor's list that the ledger does not know, of the same kind and size, created
since the submission, may be ours. Its content decides: the results file says whose it is. So
nothing is adopted unproven; until the candidates have ended the job keeps its slot, which is
right, since one of them is probably ours. When there is none after enough looks over enough
time (the list may lag), the vendor does not have the job, and it may be sent again.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from enum import Enum, auto
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.identifiers import normalise
from manager.ledger.connect import execute, first, one, rows
from manager.ledger.sql import Statements
from manager.semaphore import Holder
from manager.steps.backoff import backoff
from manager.steps.context import Context, Wake
from manager.steps.reconcile import release
from manager.steps.tidy import RESOLVE_PREFIX
from manager.vendor import download, errors
from manager.vendor.envelope import BadEnvelope, decode
from manager.vendor.types import VendorJob

log = logging.getLogger(__name__)

SQL = Statements("resolve")
SUBMIT = Statements("submit")
# The vendor's clock may differ from ours; content decides, so a wide margin does no harm.
CLOCK_MARGIN = timedelta(minutes=10)
MAX_PAGES = 100
# Envelopes looked at to tell whose job it is.
SAMPLE = 50
# Candidates that a job's reason names.
MAX_NAMED = 5


class Verdict(Enum):
    """Whose a job at the vendor is."""

    OURS = auto()
    NOT_OURS = auto()
    OPEN = auto()  # it has not ended, or its results cannot be read yet
    EMPTY = auto()  # it may be ours, but it delivered nothing, and so cost nothing either


def resolve(context: Context, job_id: UUID) -> list[Wake]:
    """Adopt the vendor's job, send ours again, or look again later."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is None:  # the submission is still under way
            return []
        job = first(connection, SQL.unresolved_job, {"job_id": job_id})
        if job is None:
            return []
        try:
            candidates = find_candidates(context, connection, job)
            verdicts = [judge(context, connection, job, candidate) for candidate in candidates]
        except errors.VendorError as error:
            return _cannot_look(context, connection, job, error)
        if Verdict.OURS in verdicts:
            ours = candidates[verdicts.index(Verdict.OURS)]
            why = f"resolved: it is {ours.batch_id}, its results name our identifiers"
            adopt(connection, job, ours, why)
            return [Wake("poll")]
        if Verdict.OPEN in verdicts:
            why = _may_be(candidates, verdicts)
            if any(candidate.active for candidate in candidates):
                return _look_again(connection, job, context.settings.poll_min * 2, why)
            # ended, and not to be read: that may stay so
            return _look_again(connection, job, backoff(context.settings, job.looks), why)
        if _may_give_up(context, job, Verdict.EMPTY in verdicts):
            looks = f"{job.looks + 1} looks in {job.age:.0f} s"
            why = f"resolved: the vendor does not have it ({looks}); it is sent again"
            send_again(context, connection, job, why)
            return [Wake("submit", job.id)]
        wait = context.settings.resolve_window / context.settings.resolve_looks
        heard = " although its webhook came" if job.webhook_at else ""
        why = f"unresolved: not on the vendor's list yet{heard}"
        return _look_again(connection, job, wait, why)


def find_candidates(context: Context, connection: Connection[Any], job: Any) -> list[VendorJob]:
    """The vendor's jobs that may be ours: same kind, same size, recent, unknown to the ledger.

    Raises VendorError.
    """
    since = job.submitting_at - CLOCK_MARGIN
    alike = [
        candidate
        for candidate in context.vendor.iter_jobs(created_since=since, max_pages=MAX_PAGES)
        if candidate.is_company_enrich
        and candidate.identifier_count in (None, job.identifier_count)
    ]
    batch_ids = [candidate.batch_id for candidate in alike]
    known = {row.batch_id for row in rows(connection, SQL.known_batches, {"batch_ids": batch_ids})}
    return [candidate for candidate in alike if candidate.batch_id not in known]


def judge(context: Context, connection: Connection[Any], job: Any, candidate: VendorJob) -> Verdict:
    """Whose job it is, by the first envelopes of its results. Raises VendorError."""
    if candidate.active:
        return Verdict.OPEN
    if candidate.status != "completed" or candidate.result_count == 0:
        return Verdict.EMPTY
    try:
        lines = _sample(context, job, candidate)
    # another one may still be ours
    except (errors.UnknownJob, errors.Unclear, errors.DownloadError, OSError) as error:
        log.warning("job %s: the results of %s are not read: %s", job.id, candidate.batch_id, error)
        return Verdict.OPEN
    identifiers = set(map(_identifier, lines)) - {None}
    if not identifiers:
        return Verdict.OPEN
    keys = {_key(job.identifier_type, identifier) for identifier in identifiers} - {None}
    found: int = one(connection, SQL.keys, {"job_id": job.id, "keys": list(keys)}).count
    # A stray line in our own file must not disown it, a company that a stranger asked for, too,
    # must not adopt his.
    return Verdict.OURS if found > len(identifiers) / 2 else Verdict.NOT_OURS


def _sample(context: Context, job: Any, candidate: VendorJob) -> list[bytes]:
    """The first lines of its results file, as far as they can be read, from no more parts than
    it takes.
    """
    directory = context.spool_dir / f"{RESOLVE_PREFIX}{job.id}"
    shutil.rmtree(directory, ignore_errors=True)  # a killed process has left another one's
    answer = context.vendor.status(candidate.batch_id)
    lines: list[bytes] = []
    try:
        for parts in (1, 10, None):
            paths = download.fetch(
                answer,
                directory,
                context.settings,
                lambda: context.vendor.status(candidate.batch_id),
                parts=parts,
            )
            lines.clear()
            lines.extend(islice(download.lines(paths, context.settings), SAMPLE))
            if len(lines) == SAMPLE or len(paths) == len(answer.links):
                break
    except (errors.ResultsCorrupt, errors.ResultsTooLarge):
        pass  # those before are there
    except errors.DownloadError:
        if not lines:
            raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return lines


def _identifier(line: bytes) -> str | None:
    try:
        return decode(line).original_identifier
    except BadEnvelope:
        return None


def _key(identifier_type: Any, identifier: str | None) -> str | None:
    """Its key; None when it is of another identifier type."""
    try:
        return normalise(identifier_type, identifier).key
    except ValueError:
        return None


def _may_be(candidates: list[VendorJob], verdicts: list[Verdict]) -> str:
    """Which ones, for an operator; not all of very many."""
    names = [
        f"{it.batch_id} ({it.status})"
        for it, verdict in zip(candidates, verdicts, strict=True)
        if verdict is Verdict.OPEN
    ]
    more = ", …" if len(names) > MAX_NAMED else ""
    named = ", ".join(names[:MAX_NAMED]) + more
    return f"unresolved: {len(names)} job(s) at the vendor may be this one: {named}"


def _may_give_up(context: Context, job: Any, may_have_been_empty: bool) -> bool:
    """Whether the vendor has had time enough to show the job.

    A webhook tells that the vendor had it; then it is only sent again if it delivered nothing.
    """
    settings = context.settings
    patience = max(settings.resolve_window, settings.submission_limit)
    heard_of = job.webhook_at is not None and not may_have_been_empty
    return bool(job.age >= patience and job.looks + 1 >= settings.resolve_looks and not heard_of)


def adopt(connection: Connection[Any], job: Any, ours: VendorJob, why: str) -> bool:
    """The vendor has the job under that batch_id; False when its answer has come meanwhile."""
    parameters = _attempt(job) | {
        "batch_id": ours.batch_id,
        "entities_requested": ours.entities_requested,
        "why": why,
        "poll_after": timedelta(0),
    }
    return execute(connection, SUBMIT.accepted, parameters) > 0


def send_again(context: Context, connection: Connection[Any], job: Any, why: str) -> bool:
    """The vendor does not have the job: it waits for a slot again; False as for `adopt`."""
    slot = job.slot
    parameters = _attempt(job) | {
        "why": why,
        "error": why,
        "failed": True,
        "wait": timedelta(0),
    }
    if first(connection, SUBMIT.put_back, parameters) is None:
        return False
    release(context, Holder(job.id, job.attempts), slot)
    return True


def _look_again(
    connection: Connection[Any], job: Any, wait: float | timedelta, why: str
) -> list[Wake]:
    wait = wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
    parameters = _attempt(job) | {"why": why, "wait": wait}
    execute(connection, SQL.looked, parameters)
    return []


def _cannot_look(
    context: Context, connection: Connection[Any], job: Any, error: errors.VendorError
) -> list[Wake]:
    wait = max(
        timedelta(seconds=getattr(error, "wait", 0.0)), backoff(context.settings, job.failures)
    )
    why = f"unresolved: cannot look: {error}"
    execute(connection, SQL.not_looked, _attempt(job) | {"why": why, "wait": wait})
    return []


def _attempt(job: Any) -> dict[str, Any]:
    return {"job_id": job.id, "attempts": job.attempts}
