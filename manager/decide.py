"""Decide: an operator settles a submission that `resolve` cannot, having looked at the vendor's.

That is needed when a job that may be ours has ended and its results can never be read: it would
keep the submission, and its slot, for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager import resolve
from manager.context import Context
from manager.errors import ConflictError, NotFoundError, UnavailableError
from manager.ledger.connect import first
from manager.ledger.sql import Statements
from manager.vendor import errors
from manager.vendor.types import VendorJob

SQL = Statements("resolve")


def adopt(context: Context, job_id: UUID, batch_id: str) -> None:
    """The job is that one at the vendor. Raises NotFoundError, ConflictError, UnavailableError."""
    with _unresolved(context, job_id) as (connection, job):
        theirs = _look_up(context, batch_id)
        if first(connection, SQL.known_batches, {"batch_ids": [theirs.batch_id]}):
            raise ConflictError(f"{batch_id} is another job of the ledger already.")
        if not theirs.is_company_enrich:
            raise ConflictError(f"{batch_id} does not enrich companies, so it is not ours.")
        if theirs.identifier_count not in (None, job.identifier_count):
            raise ConflictError(
                f"{batch_id} has {theirs.identifier_count} identifiers and job {job_id} has "
                f"{job.identifier_count}, so it is not ours."
            )
        resolve.adopt(connection, job, theirs, f"an operator: it is {theirs.batch_id}")


def send_again(context: Context, job_id: UUID) -> None:
    """The vendor does not have the job. Raises NotFoundError, ConflictError."""
    with _unresolved(context, job_id) as (connection, job):
        resolve.send_again(context, connection, job, "an operator: the vendor does not have it")


@contextmanager
def _unresolved(context: Context, job_id: UUID) -> Iterator[tuple[Connection[Any], Any]]:
    """The job, locked, if its submission has ended and it is not known how."""
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
        under_way = context.settings.submission_limit - job.age
        if under_way > 0:
            raise ConflictError(
                f"The submission of job {job_id} may be under way; try again in {under_way:.0f} s."
            )
        yield connection, job


def _look_up(context: Context, batch_id: str) -> VendorJob:
    try:
        return context.vendor.status(batch_id)
    except errors.UnknownJob:
        raise NotFoundError(f"The vendor has no job {batch_id} on this account.") from None
    except errors.VendorError as error:
        raise UnavailableError(f"The vendor does not say what {batch_id} is: {error}") from None
