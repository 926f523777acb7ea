"""A job that the vendor is done with, and how its results are had."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import first
from manager.ledger.sql import Statements
from manager.steps.account import Account
from manager.steps.context import Context
from manager.steps.results_file import ResultsFile
from manager.vendor import download
from manager.vendor.stage import Stage
from manager.vendor.types import VendorJob

SQL = Statements("ended")


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that the vendor is done with."""

    id: UUID
    state: str
    batch_id: str
    identifier_count: int
    failures: int
    bad_files: int
    result_count: int | None
    vendor_status: str | None
    stage: str | None
    given_up_at: datetime | None
    endpoint: str
    identifier_type: str

    @property
    def partial(self) -> bool:
        """Whether what is not in its results was not looked for, rather than not found."""
        return self.state == "stopped" or self.stage not in (None, Stage.COMPLETED)


def find(
    connection: Connection[Any], account: Account, job_id: UUID, *, due: bool = True
) -> EndedJob | None:
    """The job, if the vendor has it; due: and its results are to be merged now."""
    parameters = {"job_id": job_id, "account_id": account.id, "due": due}
    return first(connection, SQL.job, EndedJob, parameters)


def fetch(
    context: Context, account: Account, job: EndedJob, directory: Path
) -> tuple[ResultsFile, str | None]:
    """Download the results, and what the vendor says of why it ended the job, if it does.

    Of a job without results nothing is loaded: a link may then lead to a file never written.
    """
    answer = ask(account, job)
    expected = job.result_count if answer.result_count is None else answer.result_count
    paths: list[Path] = []
    if expected != 0 and (answer.links or not job.partial):
        paths = _download(context, account, job, answer, directory)
    if job.partial:
        expected = None  # how many there would have been says nothing
    file = ResultsFile(paths, expected, job.identifier_type, context.settings)
    return file, answer.error_message


def ask(account: Account, job: EndedJob) -> VendorJob:
    """What the vendor says of it, with links to its results. Raises VendorError."""
    return account.vendor.status(job.batch_id)


def _download(
    context: Context, account: Account, job: EndedJob, answer: VendorJob, directory: Path
) -> list[Path]:
    if job.bad_files:  # what was downloaded before may be what is wrong
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    return download.fetch(
        answer, directory, context.settings, account.settings, lambda: ask(account, job)
    )
