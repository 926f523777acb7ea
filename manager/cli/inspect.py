"""Commands that look: `status`, `requests`, `jobs`, `slots`."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlmodel import Session, select

from manager.cli.options import (
    DataDir,
    Json,
    console,
    examples,
    job_uuid,
    print_json,
    settings_for,
)
from manager.cli.tables import printable, show_list, show_one
from manager.client.follow import Progress
from manager.client.sync import Manager
from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger import migrate
from manager.ledger.connect import one, rows
from manager.ledger.models import Job, Lane
from manager.ledger.models import Request as RequestRow
from manager.ledger.sql import Statements
from manager.ledger.states import JobState
from manager.operator.status import Status
from manager.operator.status import status as look
from manager.settings import Settings
from manager.steps.context import Context

SQL = Statements("operator")
COUNTERS = ("total", "fulfilled", "not_found", "failed", "cancelled")
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(
        "status",
        epilog=examples("enrichd status", "until enrichd status --json; do sleep 1; done"),
    )(status)
    app.command(
        "requests", epilog=examples("enrichd requests", "enrichd requests REQUEST_ID --json")
    )(requests)
    app.command(
        "jobs", epilog=examples("enrichd jobs --state failed", "enrichd jobs JOB_ID --json")
    )(jobs)
    app.command("slots", epilog=examples("enrichd slots --json"))(slots)


def status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show whether the daemon can work.

    Exit code 0 only when it can: a worker sweeps, Postgres and Redis answer, the account is not
    paused.
    """
    context = Context(settings_for(data_dir), "cli")
    found = look(context)
    if as_json:
        print_json(found.as_dict())
    else:
        _show_status(found)
    raise typer.Exit(0 if found.ok else 1)


def requests(
    request_id: Annotated[
        str | None, typer.Argument(metavar="REQUEST_ID", help="Show this one.")
    ] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List requests, or show one."""
    settings = settings_for(data_dir)
    if request_id is not None:
        show_one(_progress(Manager(settings).request(request_id).progress()), as_json)
        return
    with Session(migrate.engine(settings, "cli")) as session:
        query = select(RequestRow, Lane).join(Lane).order_by(RequestRow.id.desc()).limit(limit)  # type: ignore[attr-defined]
        listed = [_request(request, lane) for request, lane in session.exec(query)]
    columns = ("request_id", "type", "fields", *COUNTERS, "created_at")
    show_list(listed, columns, as_json)


def jobs(
    job_id: Annotated[
        str | None, typer.Argument(metavar="JOB_ID", help="Show this one with its history.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help=f"Only jobs in this state: {', '.join(JobState)}.")
    ] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List jobs, or show one with its history."""
    settings = settings_for(data_dir)
    if job_id is not None:
        _show_job(settings, job_id, as_json)
        return
    if state is not None and state not in set(JobState):
        raise InvalidRequestError(f"--state: {state!r} is not one of {', '.join(JobState)}.")
    with Session(migrate.engine(settings, "cli")) as session:
        query = select(Job, Lane).join(Lane).order_by(Job.id.desc()).limit(limit)  # type: ignore[attr-defined]
        if state is not None:
            query = query.where(Job.state == state)
        listed = [_job(job, lane) for job, lane in session.exec(query)]
    columns = ("job_id", "type", "state", "slot", "identifier_count", "result_count", "created_at")
    show_list(listed, (*columns, "why"), as_json)


def slots(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the slots of the account and the jobs that hold them."""
    context = Context(settings_for(data_dir), "cli")
    with context.ledger.connect() as connection:
        account = context.account(connection)
        held = rows(connection, SQL.slots, {"account_id": account.id})
    columns = ("slot", "job_id", "state", "identifier_count", "held_since")
    show_list([row._asdict() for row in held], columns, as_json)


def _request(request: RequestRow, lane: Lane) -> dict[str, Any]:
    return {
        "request_id": request.id,
        "type": lane.identifier_type,
        "fields": lane.fields,
        "priority": request.priority,
        **{name: getattr(request, name) for name in COUNTERS},
        "created_at": request.created_at,
        "finished_at": request.finished_at,
    }


def _progress(now: Progress) -> dict[str, Any]:
    return {
        "request_id": now.id,
        "type": now.identifier_type,
        "fields": list(now.fields),
        "priority": now.priority,
        **{name: getattr(now, name) for name in COUNTERS},
        "created_at": now.created_at,
        "finished_at": now.finished_at,
        "cancelled_at": now.cancelled_at,
        "metadata": now.metadata,
    }


def _job(job: Job, lane: Lane) -> dict[str, Any]:
    names = ("state", "slot", "batch_id", "identifier_count", "result_count", "attempts")
    return {
        "job_id": job.id,
        "type": lane.identifier_type,
        "fields": lane.fields,
        **{name: getattr(job, name) for name in names},
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "why": job.why,
        "error": job.error,
    }


def _show_job(settings: Settings, job_id: str, as_json: bool) -> None:
    wanted = job_uuid(job_id)
    with Session(migrate.engine(settings, "cli")) as session:
        found = session.exec(select(Job, Lane).join(Lane).where(Job.id == wanted)).first()
        if found is None:
            raise NotFoundError(f"There is no job {job_id} in the ledger.")
        job, lane = found
        hidden = {"id", "token_hash", "lane_id", "account_id"}
        shown = {"job_id": job.id, "type": lane.identifier_type, "fields": lane.fields} | {
            name: value for name, value in job.model_dump().items() if name not in hidden
        }
    with Context(settings, "cli").ledger.connect() as connection:
        history = [row._asdict() for row in rows(connection, SQL.history, {"job_id": wanted})]
        shown["strays"] = one(connection, SQL.strays, {"job_id": wanted}).count
    if as_json:
        print_json(shown | {"history": history})
        return
    show_one(shown, as_json=False)
    console.print()
    for event in history:
        at = event["at"].astimezone(UTC)
        moved = f"{event['from_state'] or 'new'} → {event['to_state']}"
        console.print(f"{at:%Y-%m-%d %H:%M:%S}  {moved}  {printable(event['why'])} ({event['by']})")


def _show_status(found: Status) -> None:
    for problem in found.problems:
        console.print(f"[red]problem[/red] {printable(problem)}")
    for warning in found.warnings:
        console.print(f"[yellow]warning[/yellow] {printable(warning)}")
    if found.ok:
        console.print("[green]the daemon can work[/green]")
    if not found.cap:  # the ledger could not be read
        return
    foreign = f", {found.foreign_active} job(s) of others" if found.foreign_active else ""
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "account", f"{found.account}: {found.slots_held} of {found.cap} slots held{foreign}"
    )
    table.add_row("requests", f"{found.open_requests:,} open")
    table.add_row("identifiers", f"{_counts(found.identifiers)}; {found.in_jobs:,} in jobs")
    table.add_row("jobs", _counts(found.jobs))
    table.add_row("last minute", f"{found.settled_last_minute:,} identifiers settled")
    console.print(table)


def _counts(counts: dict[str, int]) -> str:
    named = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return ", ".join(named) or "none"
