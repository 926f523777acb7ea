"""`enrichd status` and `slots`: whether the daemon can work, and what it is at."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from manager.cli.account_column import account_column
from manager.cli.options import Account, DataDir, Json, console, examples, print_json, settings_for
from manager.cli.tables import printable, show_list
from manager.ledger.connect import Ledger
from manager.operator.slots import slots as all_slots
from manager.operator.status import AccountStatus, Status
from manager.operator.status import status as look
from manager.operator.words import waits
from manager.semaphore import Calls
from manager.steps.context import Context

STYLES = {"problem": "red", "warning": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(
        "status",
        epilog=examples(
            "enrichd status",
            "enrichd status --account crm",
            "until enrichd status --json; do sleep 1; done",
        ),
    )(status)
    app.command("slots", epilog=examples("enrichd slots --json"))(slots)


def status(account: Account = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show whether the daemon can work, and how accounts stand.

    Exit code 0 only when it can: a worker sweeps, Postgres and Redis answer, no account is
    paused.
    """
    found = look(Context(settings_for(data_dir), "cli"), account)
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found)
    raise typer.Exit(0 if found.ok else 1)


def slots(account: Account = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the slots and the jobs that hold them.

    What others' jobs take at the vendor is not free, though none of ours holds it.
    """
    settings = settings_for(data_dir)
    which = account_column(settings, account)
    with Ledger(settings, "cli").connect() as connection:
        found = all_slots(connection, account)
    shown = [asdict(slot) for slot in found]
    if not as_json:
        for row, slot in zip(shown, found, strict=True):
            row["state"] = slot.standing
    columns = (*which, "slot", "job_id", "state", "identifier_count", "held_since")
    show_list(shown, columns, as_json)


def _show(found: Status) -> None:
    for it in found.problems + found.warnings:
        said = str(it) if len(found.accounts) > 1 else it.sentence
        console.print(f"[{STYLES[it.severity]}]{it.severity}[/] {printable(said)}")
    if found.ok:
        console.print("[green]the daemon can work[/green]")
    for number, account in enumerate(found.accounts):
        if number:
            console.print()
        console.print(_account(account))


def _account(account: AccountStatus) -> Table:
    table = Table.grid(padding=(0, 2))
    foreign = f", {account.foreign_active} taken by others" if account.foreign_active else ""
    held = f"{account.slots_held} of {account.cap} slots held{foreign}"
    table.add_row("account", f"{account.account}: {held}")
    table.add_row("requests", f"{account.open_requests:,} open")
    table.add_row("identifiers", f"{_counts(account.identifiers)}; {account.in_jobs:,} in jobs")
    table.add_row("jobs", _counts(account.jobs))
    table.add_row("last minute", f"{account.settled_last_minute:,} identifiers settled")
    if account.calls:
        table.add_row(
            "calls a minute",
            "; ".join(_calls(route, calls) for route, calls in account.calls.items()),
        )
    table.add_row("last look", _looked(account))
    return table


def _calls(route: str, calls: Calls) -> str:
    waiting = f", {calls.waiting} wait for their turn" if calls.waiting else ""
    blocked = f", none until {calls.blocked_until:%H:%M:%S} UTC" if calls.blocked_until else ""
    return f"{route} {calls.used} of {calls.allowed}{waiting}{blocked}"


def _looked(account: AccountStatus) -> str:
    if account.waits_for is not None:
        return printable(waits(account.waits_for))
    if account.looked_seconds_ago is None:
        return "none yet"
    return f"{account.looked_seconds_ago:.0f} s ago"


def _counts(counts: dict[str, int]) -> str:
    named = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return ", ".join(named) or "none"
