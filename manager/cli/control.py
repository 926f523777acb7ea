"""Commands that change things: `cancel`, `pause`, `resume`, `db`."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.api import Manager
from manager.cli.options import DataDir, Json, console, print_json, settings_for
from manager.context import Context
from manager.ledger import migrate
from manager.ledger.connect import execute
from manager.ledger.sql import Statements
from manager.settings import Settings

SUBMIT = Statements("submit")
OPERATOR = Statements("operator")
db = typer.Typer(help="The ledger's schema.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("cancel")(cancel)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.add_typer(db, name="db")


def cancel(
    request_id: Annotated[str, typer.Argument(help="The request's id.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a request: what waits is not bought for it."""
    now = Manager(settings_for(data_dir)).request(request_id).cancel()
    if as_json:
        print_json({"request_id": now.id, "total": now.total, "cancelled": now.cancelled})
    else:
        console.print(f"{now.cancelled:,} of {now.total:,} identifiers were cancelled.")


def pause(
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why.")] = "by an operator",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Submit nothing new until `resume`; jobs at the vendor go on and are merged."""
    _set_paused(data_dir, reason, as_json)


def resume(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Submit again after a pause, for example after a 402 when credits were bought."""
    _set_paused(data_dir, None, as_json)


def _set_paused(data_dir: DataDir, reason: str | None, as_json: bool) -> None:
    context = Context(settings_for(data_dir), "cli")
    with context.ledger.connect() as connection:
        account = context.account(connection)
        sql = SUBMIT.resume if reason is None else OPERATOR.pause
        execute(connection, sql, {"account_id": account.id, "reason": reason})
        connection.execute("SELECT pg_notify('enrichd_wake', current_schema() || ' sweep')")
    if as_json:
        print_json({"account": context.settings.account, "paused_reason": reason})
    else:
        state = "submits again" if reason is None else f"is paused: {reason}"
        console.print(f"Account {context.settings.account} {state}.")


@db.command("upgrade")
def upgrade(
    revision: Annotated[str, typer.Argument(help="Default: the newest.")] = "head",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Bring the ledger's schema up to date; safe to repeat, safe beside a running daemon."""
    settings = settings_for(data_dir)
    migrate.upgrade(settings, revision)
    _show_revision(settings, as_json)


@db.command("current")
def current(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the revision of the ledger's schema."""
    _show_revision(settings_for(data_dir), as_json)


@db.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, -1, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take migrations back. What they made is dropped with everything in it."""
    settings = settings_for(data_dir)
    if not yes:
        typer.confirm(f"Drop what was made after {revision}, with all data in it?", abort=True)
    migrate.downgrade(settings, revision)
    _show_revision(settings, as_json)


def _show_revision(settings: Settings, as_json: bool) -> None:
    have, want = migrate.current(settings), migrate.newest()
    if as_json:
        print_json({"schema": settings.database_schema, "revision": have, "newest": want})
    else:
        console.print(
            f"Schema {settings.database_schema} is at revision {have or 'none'}; newest: {want}."
        )
