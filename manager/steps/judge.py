"""Judge: whose a job at the vendor is, by the first envelopes of its results.

A verdict is passed once and kept; only what cannot be read yet is judged again, ever more rarely.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import execute, rows
from manager.ledger.sql import Statements
from manager.ledger.states import Whose
from manager.logs import get_logger
from manager.steps.account import Account
from manager.steps.backoff import backoff
from manager.steps.context import Context
from manager.steps.echoes import Echoes
from manager.steps.tidy import RESOLVE_PREFIX
from manager.vendor import download, errors
from manager.vendor.calls import Worth
from manager.vendor.envelope import BadEnvelope, decode
from manager.vendor.stage import Stage
from manager.vendor.types import VendorJob

log = get_logger(__name__)

SQL = Statements("resolve")
# Envelopes looked at to tell whose job it is.
SAMPLE = 50
# Answers "unknown job" before they are believed.
UNKNOWN_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job at the vendor that may be an unresolved submission's.

    likely: it was created while the submission's call was under way, by the vendor's clock.
    appeared: it was first seen after the call had begun, by ours. judge_in: seconds until it
    is to be judged.
    """

    batch_id: str
    status: str
    stage: str
    whose: str
    result_count: int | None
    judge_now: bool
    judge_in: float
    judge_failures: int
    likely: bool
    appeared: bool

    @property
    def ended(self) -> bool:
        """Whether there are results to judge by."""
        return self.stage not in (Stage.PENDING, Stage.PROCESSING)

    @property
    def named(self) -> str:
        """For an operator."""
        return f"{self.batch_id} ({self.status or 'no status'})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose it is, and if it is ours, which unresolved submission's."""

    whose: Whose
    why: str
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """An unresolved submission that the vendor's job may be."""

    id: UUID
    identifier_type: str


class UnreadableError(Exception):
    """Its results cannot be read yet, or tell nothing."""


def judge(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job_id: UUID,
    candidate: Candidate,
    worth: Worth,
) -> Verdict:
    """Judge the candidate of the job and write it down.

    It stays open when its results cannot be read yet.
    Raises NotYourTurn, and errors of the vendor that concern more than this candidate.
    """
    try:
        verdict = _judge(context, account, connection, job_id, candidate, worth)
    except (UnreadableError, errors.UnknownJob, errors.Unclear, errors.DownloadError, OSError) as e:
        why = f"its results cannot be read: {e}"
        log.warning("vendor_job.unreadable", job=job_id, batch=candidate.batch_id, why=str(e))
        parameters = {
            "account_id": account.id,
            "batch_id": candidate.batch_id,
            "why": why,
            "failed": True,
            "wait": backoff(context.settings, candidate.judge_failures),
        }
        execute(connection, SQL.judge_later, parameters)
        return Verdict(Whose.OPEN, why)
    if verdict.whose is not Whose.OURS:  # its adoption is written down with the job
        parameters = {
            "account_id": account.id,
            "batch_id": candidate.batch_id,
            "whose": verdict.whose,
            "why": verdict.why,
        }
        execute(connection, SQL.judge, parameters)
    return verdict


def _judge(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job_id: UUID,
    candidate: Candidate,
    worth: Worth,
) -> Verdict:
    nothing = Verdict(Whose.EMPTY, "it delivered nothing")
    try:
        answer = account.vendor.status(candidate.batch_id, worth=worth)
    except errors.UnknownJob:
        if candidate.judge_failures + 1 < UNKNOWN_LIMIT:
            raise
        return Verdict(Whose.EMPTY, "the vendor does not know it any more")
    if answer.result_count == 0 or (candidate.stage != Stage.COMPLETED and not answer.links):
        return nothing
    identifiers = _sample(context, account, job_id, answer)
    if not identifiers:
        raise UnreadableError("no line of them is an envelope")
    parameters: dict[str, Any] = {
        "account_id": account.id,
        "batch_id": candidate.batch_id,
        "job_id": job_id,
    }
    best, most = None, 0
    for it in rows(connection, SQL.submissions, Submission, parameters):
        echoes = Echoes.of(connection, it.id, it.identifier_type)
        named = sum(_names_any(echoes, identifier) for identifier in identifiers)
        best, most = (it, named) if named > most else (best, most)
    # A stray line in our own file must not disown it, a company that a stranger asked for, too,
    # must not adopt his.
    if best and most > len(identifiers) / 2:
        why = f"its results name {most} of {len(identifiers)} identifiers of ours"
        return Verdict(Whose.OURS, why, best.id)
    return Verdict(Whose.FOREIGN, "its results name others")


def _sample(context: Context, account: Account, job_id: UUID, answer: VendorJob) -> set[str]:
    """Identifiers of the first lines of its results, as far as they can be read, from no more
    parts than it takes.
    """
    directory = context.spool_dir / f"{RESOLVE_PREFIX}{job_id}"
    shutil.rmtree(directory, ignore_errors=True)  # a killed process has left another one's
    settings = context.settings
    lines: list[bytes] = []
    try:
        for parts in (1, 10, None):
            paths = download.fetch(
                answer,
                directory,
                settings,
                account.settings,
                lambda: account.vendor.status(answer.batch_id, worth=Worth.SAMPLE),
                parts=parts,
            )
            lines = list(_readable(download.lines(paths, settings)))
            if len(lines) == SAMPLE or len(paths) == len(answer.links):
                break
    except errors.DownloadError:
        if not lines:
            raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return {identifier for line in lines if (identifier := _identifier(line))}


def _readable(lines: Any) -> list[bytes]:
    """The first of them; those before a broken one are there."""
    found: list[bytes] = []
    try:
        found.extend(islice(lines, SAMPLE))
    except (errors.ResultsCorrupt, errors.ResultsTooLarge):
        if not found:
            raise
    return found


def _identifier(line: bytes) -> str | None:
    try:
        return decode(line).original_identifier
    except BadEnvelope:
        return None


def _names_any(echoes: Echoes, identifier: str) -> bool:
    """Whether it names an enrichment; it does not when it is of another identifier type."""
    try:
        return bool(echoes.named(identifier))
    except ValueError:
        return False
