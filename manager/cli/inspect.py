"""Commands that look: `status`, `requests`, `jobs`, `slots`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table
from sqlmodel import Session, select

from manager.api import Manager
from manager.cli.options import DataDir, Json, console, print_json, settings_for
from manager.context import Context
from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger import migrate
from manager.ledger.connect import one, rows
from manager.ledger.models import Job, Lane
from manager.ledger.models import Request as RequestRow
from manager.ledger.sql import Statements
from manager.ledger.states import JobState
from manager.status import status as look

SQL = Statements("operator")
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("status")(status)
    app.command("requests")(requests)
    app.command("jobs")(jobs)
    app.command("slots")(slots)


def status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show whether the daemon can work; exit code 0 only when it can."""
    context = Context(settings_for(data_dir), "cli")
    found = look(context)
    if as_json:
        print_json(found.as_dict())
    else:
        _show_status(found.as_dict())
    raise typer.Exit(0 if found.ok else 1)


def requests(
    request_id: Annotated[str | None, typer.Argument(help="Show this one.")] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List requests, or show one."""
    settings = settings_for(data_dir)
    if request_id is not None:
        now = Manager(settings).request(request_id).progress()
        shown = {name: getattr(now, name) for name in now.__slots__}
        _show_one(shown | {"fields": list(now.fields)}, as_json)
        return
    with Session(migrate.engine(settings, "cli")) as session:
        query = select(RequestRow, Lane).join(Lane).order_by(RequestRow.id.desc()).limit(limit)  # type: ignore[attr-defined]
        listed = [_request(request, lane) for request, lane in session.exec(query)]
    _show_list(listed, as_json)


def jobs(
    job_id: Annotated[str | None, typer.Argument(help="Show this one with its history.")] = None,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
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
    _show_list(listed, as_json)


def slots(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the slots of the account and the jobs that hold them."""
    context = Context(settings_for(data_dir), "cli")
    with context.ledger.connect() as connection:
        account = context.account(connection)
        held = rows(connection, SQL.slots, {"account_id": account.id})
    _show_list([row._asdict() for row in held], as_json)


def _request(request: RequestRow, lane: Lane) -> dict[str, Any]:
    counters = ("total", "fulfilled", "not_found", "failed", "cancelled")
    return {
        "request_id": request.id,
        "type": lane.identifier_type,
        "fields": lane.fields,
        "priority": request.priority,
        **{name: getattr(request, name) for name in counters},
        "created_at": request.created_at,
        "finished_at": request.finished_at,
    }


def _job(job: Job, lane: Lane) -> dict[str, Any]:
    names = ("state", "slot", "batch_id", "identifier_count", "result_count", "attempts")
    return {
        "job_id": job.id,
        "type": lane.identifier_type,
        **{name: getattr(job, name) for name in names},
        "created_at": job.created_at,
        "why": job.why,
    }


def _show_job(settings: Any, job_id: str, as_json: bool) -> None:
    try:
        wanted = UUID(job_id)
    except ValueError:
        raise NotFoundError(f"There is no job {job_id} in the ledger.") from None
    with Session(migrate.engine(settings, "cli")) as session:
        found = session.exec(select(Job, Lane).join(Lane).where(Job.id == wanted)).first()
        if found is None:
            raise NotFoundError(f"There is no job {job_id} in the ledger.")
        job, lane = found
        hidden = {"token_hash", "lane_id", "account_id"}
        shown = {"type": lane.identifier_type, "fields": lane.fields} | {
            name: value for name, value in job.model_dump().items() if name not in hidden
        }
    with Context(settings, "cli").ledger.connect() as connection:
        history = [row._asdict() for row in rows(connection, SQL.history, {"job_id": wanted})]
        shown["strays"] = one(connection, SQL.strays, {"job_id": wanted}).count
    if as_json:
        print_json(shown | {"history": history})
        return
    _show_one(shown, as_json=False)
    _show_list(history, as_json=False)


def _show_status(found: dict[str, Any]) -> None:
    for problem in found["problems"]:
        console.print(f"[red]problem[/red] {escape(problem)}")
    if found["ok"]:
        console.print("[green]the daemon can work[/green]")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row(
        "account", f"{found['account']}, {found['slots_held']} of {found['cap']} slots held"
    )
    if found["foreign_active"]:
        table.add_row("", f"{found['foreign_active']} active job(s) at the vendor are not ours")
    table.add_row("requests", f"{found['open_requests']:,} open")
    table.add_row("enrichments", _states(found["enrichments"]))
    table.add_row("jobs", _states(found["jobs"]))
    table.add_row("last minute", f"{found['settled_last_minute']:,} identifiers settled")
    console.print(table)


def _states(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())) or "none"


def _show_one(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in shown.items():
        table.add_row(name, _cell(value))
    console.print(table)


def _show_list(listed: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(list(listed))
        return
    if not listed:
        console.print("none")
        return
    table = Table(box=None, pad_edge=False)
    for name in listed[0]:
        table.add_column(name, overflow="fold")
    for row in listed:
        table.add_row(*map(_cell, row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case list():
            return escape(",".join(map(str, value)))
        case int():
            return f"{value:,}"
        case _:
            return escape(str(value))
