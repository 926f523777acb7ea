"""`enrichd jobs`: the jobs, one with its history, and what an operator can do with one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from manager.cli.accounts import account_column
from manager.cli.groups import SHOW, group
from manager.cli.options import (
    Account,
    DataDir,
    Endpoint,
    Json,
    Limit,
    ask_first,
    console,
    examples,
    job_uuid,
    print_json,
    print_line,
    settings_for,
)
from manager.cli.tables import printable, show_list, show_one
from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger.connect import Ledger
from manager.ledger.execute import one, rows
from manager.ledger.sql import Statements
from manager.ledger.states import JobState
from manager.operator import job as operator
from manager.operator.accounts import wake
from manager.operator.status import waits
from manager.settings import Settings
from manager.steps.context import Context

SQL = Statements("jobs")
RISK = (
    "Its slot is freed though the vendor may still be at work on it: a job too many may be "
    "active then, and be refused with 429. Its identifiers fail; whoever enqueues them again "
    "pays again if the vendor delivers both. What the vendor delivers later is merged all the "
    "same."
)
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="The job's id.", show_default=False)]
EXAMPLES = examples(
    "enrichd jobs --state failed",
    "enrichd jobs JOB_ID --json",
    "enrichd jobs give-up JOB_ID",
    "enrichd jobs merge JOB_ID --file results.jsonl.gz",
)
jobs = group("List jobs, or show one with its history.", EXAMPLES)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(jobs, name="jobs")


@dataclass(frozen=True, slots=True)
class Event:
    """One move of a job."""

    at: datetime
    from_state: str | None
    to_state: str
    why: str
    by: str


@jobs.command(SHOW, epilog=EXAMPLES)
def show(
    job_id: Annotated[
        str | None, typer.Argument(metavar="JOB_ID", help="Show this one with its history.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help=f"Only jobs in this state: {', '.join(JobState)}.")
    ] = None,
    account: Account = None,
    endpoint: Endpoint = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List jobs, or show one with its history."""
    from manager.cli import listing  # here: it takes a second

    settings = settings_for(data_dir)
    if job_id is not None:
        _show(settings, job_id, as_json)
        return
    if state is not None and state not in set(JobState):
        raise InvalidRequestError(f"--state: {state!r} is not one of {', '.join(JobState)}.")
    which = account_column(settings, account)
    listed = listing.jobs(settings, state, account, endpoint, limit)
    if not as_json:
        for row in listed:
            row["why"] = _why(row)
    columns = ("job_id", *which, "endpoint", "type", "state", "slot", "identifier_count")
    show_list(listed, (*columns, "result_count", "created_at", "why"), as_json)


@jobs.command("give-up", epilog=examples("enrichd jobs give-up JOB_ID"))
def give_up(
    job_id: JobId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Free the slot of a job that does not end.

    Its identifiers fail. The vendor may still be at work on it: a job too many may be active
    then, and be refused with 429. Whoever enqueues the identifiers again pays again if the vendor
    delivers both. What the vendor delivers later is merged all the same.
    """
    context = Context(settings_for(data_dir), "cli")
    wanted = job_uuid(job_id)
    account = operator.account_of(context, wanted)
    if not as_json:
        print_line(RISK)
    ask_first(f"Give up job {job_id}?", yes=yes, as_json=as_json)
    operator.give_up(context, wanted)
    wake(context.settings, account.name)
    if as_json:
        print_json({"job_id": job_id, "state": "failed", "risk": RISK})
    else:
        print_line(f"Job {job_id} is given up. To buy its identifiers anew, enqueue them again.")


@jobs.command(
    "merge",
    epilog=examples("enrichd jobs merge JOB_ID", "enrichd jobs merge JOB_ID --file results.jsonl"),
)
def merge(
    job_id: JobId,
    file: Annotated[
        Path | None,
        typer.Option(help="The results, from the vendor's dashboard for example.", metavar="FILE"),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Merge a job's results once more.

    For those that could not be read, or were in doubt. From FILE, else from the file that was
    kept, else from the vendor with fresh links. What has failed and is in them becomes fulfilled;
    nothing is bought and nothing else changes.
    """
    context = Context(settings_for(data_dir), "cli")
    done = operator.merge_again(context, job_uuid(job_id), file and file.expanduser())
    if as_json:
        print_json({"job_id": job_id} | asdict(done))
        return
    print_line(
        f"Merged from {done.source}: {done.fulfilled:,} fulfilled, {done.not_found:,} not found."
    )
    if done.doubt:
        print_line(f"What stays in doubt: {done.doubt}")


def _why(row: dict[str, Any]) -> str:
    return waits(row["waits_for"]) if row["waits_for"] else str(row["why"])


def _show(settings: Settings, job_id: str, as_json: bool) -> None:
    from manager.cli import listing

    wanted = job_uuid(job_id)
    shown = listing.job(settings, wanted)
    if shown is None:
        raise NotFoundError(f"There is no job {job_id} in the ledger.")
    with Ledger(settings, "cli").connect() as connection:
        history = rows(connection, SQL.history, Event, {"job_id": wanted})
        shown["strays"] = one(connection, SQL.strays, int, {"job_id": wanted})
    if as_json:
        print_json(shown | {"history": [asdict(event) for event in history]})
        return
    show_one(shown, as_json=False)
    console.print()
    for event in history:
        at = event.at.astimezone(UTC)
        moved = f"{event.from_state or 'new'} → {event.to_state}"
        console.print(f"{at:%Y-%m-%d %H:%M:%S}  {moved}  {printable(event.why)} ({event.by})")
