"""`enrichd vendor-jobs`: what was seen on the vendor's list of jobs, and whose it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from manager.cli.accounts import account_column
from manager.cli.options import Account, DataDir, Json, Limit, examples, settings_for
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError
from manager.ledger.connect import Ledger
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.ledger.states import Whose

SQL = Statements("jobs")


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A job as it was last seen on the vendor's list."""

    account: str
    batch_id: str
    whose: str
    job_id: UUID | None
    entity: str
    action: str
    status: str
    identifier_count: int | None
    result_count: int | None
    created_at: datetime | None
    completed_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    judged_at: datetime | None
    why: str | None


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "vendor-jobs",
        epilog=examples("enrichd vendor-jobs", "enrichd vendor-jobs --whose foreign --json"),
    )(vendor_jobs)


def vendor_jobs(
    whose: Annotated[
        str | None, typer.Option(help=f"Only those that are: {', '.join(Whose)}.")
    ] = None,
    account: Account = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List what was seen on the vendor's list of jobs.

    ours: the ledger has it. foreign: another tool's with the same key. open: it may be a
    submission of ours whose answer was lost. empty: it delivered nothing, so it tells nothing.
    """
    if whose is not None and whose not in set(Whose):
        raise InvalidRequestError(f"--whose: {whose!r} is not one of {', '.join(Whose)}.")
    settings = settings_for(data_dir)
    which = account_column(settings, account)
    parameters = {"account": account, "whose": whose, "limit": limit}
    with Ledger(settings, "cli").connect() as connection:
        listed = rows(connection, SQL.vendor_jobs, SeenJob, parameters)
    columns = ("batch_id", *which, "whose", "job_id", "entity", "action", "status")
    columns = (*columns, "identifier_count", "result_count", "created_at", "last_seen_at", "why")
    show_list([asdict(row) for row in listed], columns, as_json)
