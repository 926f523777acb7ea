"""Merge again: what has failed in a job only because its results could not be had, or read.

In the cycle that the job has bought and no other, so nothing newer is touched; and only what has
failed, so it may be done as often as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from psycopg import Connection

from manager import faultpoint
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, rows, transaction
from manager.ledger.rekey import rekey_ended
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.steps.account import Account
from manager.steps.context import Context
from manager.steps.ended import EndedJob
from manager.steps.results_file import ResultsFile
from manager.steps.staging import REFUSED, stage
from manager.vendor import errors

log = get_logger(__name__)

UNCOUNTED = "how many results there should be is not known; what is not among them stays failed"

SQL = Statements("remerge")
COMMIT = faultpoint.point("remerge.commit")


@dataclass(frozen=True, slots=True)
class Mended:
    """An enrichment's cycle that has another end now."""

    enrichment_id: int
    cycle: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Remerged:
    """What came of it. `doubt`: why what is not in the file stays failed. `merged`: whether there
    was anything to merge.
    """

    fulfilled: int
    not_found: int
    doubt: str | None
    merged: bool


def remerge(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    file: ResultsFile,
    *,
    final: bool = True,
) -> Remerged:
    """Give what has failed in the job the ends that the file says, in one transaction.

    final: there will be no better file. Raises ResultsCorrupt when nothing of the file can be
    read, or when it leaves a doubt and is not final.
    """
    arguments = (context, account, connection, job)
    try:
        made = _remerge(*arguments, replace(file), final=final, careful=False)
    except REFUSED:
        log.warning("record.refused", job=job.id)
        made = _remerge(*arguments, replace(file), final=final, careful=True)
    rekey_ended(connection, job.id)
    return made


def _remerge(
    context: Context,
    account: Account,
    connection: Connection[Any],
    job: EndedJob,
    file: ResultsFile,
    *,
    final: bool,
    careful: bool,
) -> Remerged:
    with transaction(connection, COMMIT):
        limit_waiting(connection, context.settings.merge_lock_timeout)
        stage(connection, job.id, file, careful=careful)
        doubt = file.doubt()
        if doubt and (not final or (file.broken and not file.lines)):
            raise errors.ResultsCorrupt(file.broken or doubt)
        doubt = doubt or file.unread
        parameters: dict[str, Any] = {"job_id": job.id, "account_id": account.id}
        execute(connection, SQL.lock_enrichments, parameters)
        doubt = doubt or (None if file.expected is not None else UNCOUNTED)
        parameters["whole"] = doubt is None
        mended = rows(connection, SQL.mend_results, Mended, parameters)
        parameters |= {
            "ids": [it.enrichment_id for it in mended],
            "cycles": [it.cycle for it in mended],
        }
        execute(connection, SQL.mend_enrichments, parameters)
        execute(connection, SQL.tally, parameters)
        fulfilled = sum(it.outcome == "fulfilled" for it in mended)
        made = Remerged(fulfilled, len(mended) - fulfilled, doubt, bool(file.lines or mended))
        why = f"merged again: of what had failed {fulfilled} fulfilled, {made.not_found} not found"
        parameters |= {"why": f"{why}; {doubt}" if doubt else why, "lines": file.lines or None}
        if made.merged:
            execute(connection, SQL.merged, parameters)
            log.once_committed(
                "job.merged_again",
                job=job.id,
                batch=job.batch_id,
                fulfilled=fulfilled,
                not_found=made.not_found,
                doubt=doubt,
            )
    return made
