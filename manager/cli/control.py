"""Commands that change things: `cancel`, `pause`, `resume`, `resolve`, `db`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from psycopg import Connection

from manager.cli.options import (
    DataDir,
    Json,
    examples,
    job_uuid,
    print_json,
    print_line,
    settings_for,
)
from manager.client.sync import Manager
from manager.errors import InvalidRequestError
from manager.ledger import migrate
from manager.ledger.connect import execute
from manager.ledger.sql import Statements
from manager.operator import resolution
from manager.settings import Settings
from manager.steps.context import Context

SUBMIT = Statements("submit")
OPERATOR = Statements("operator")
MAX_REASON = 500
MAX_BATCH_ID = 200
db = typer.Typer(
    help="Show or change the ledger's schema.", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("cancel", epilog=examples("enrichd cancel REQUEST_ID"))(cancel)
    app.command("pause", epilog=examples('enrichd pause --reason "new key is on its way"'))(pause)
    app.command("resume", epilog=examples("enrichd resume"))(resume)
    app.command(
        "resolve",
        epilog=examples(
            "enrichd resolve JOB_ID --adopt BATCH_ID", "enrichd resolve JOB_ID --send-again"
        ),
    )(resolve)
    app.add_typer(db, name="db")


def cancel(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The request's id.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a request: what waits is not bought for it.

    What is in a job already is still bought, but no longer for this request.
    """
    now = Manager(settings_for(data_dir)).request(request_id).cancel()
    if as_json:
        print_json({"request_id": now.id, "total": now.total, "cancelled": now.cancelled})
    else:
        print_line(f"{now.cancelled:,} of {now.total:,} identifiers were cancelled.")


def pause(
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why.")] = "by an operator",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Submit nothing new until `resume`.

    Jobs that the vendor has already go on and are merged.
    """
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise InvalidRequestError(
            f"--reason must be 1 to {MAX_REASON} printable characters, not {reason[:80]!r}."
        )
    _set_paused(data_dir, reason, as_json)


def resume(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Submit again after a pause, also one for want of credits."""
    _set_paused(data_dir, None, as_json)


def _set_paused(data_dir: DataDir, reason: str | None, as_json: bool) -> None:
    context = Context(settings_for(data_dir), "cli")
    with context.ledger.connect() as connection:
        account = context.account(connection)
        sql = SUBMIT.resume if reason is None else OPERATOR.pause
        execute(connection, sql, {"account_id": account.id, "reason": reason})
        _wake(connection)
    if as_json:
        print_json({"account": context.settings.account, "paused_reason": reason})
    else:
        state = "submits again" if reason is None else f"is paused: {reason}"
        print_line(f"Account {context.settings.account} {state}.")


def _wake(connection: Connection[Any]) -> None:
    """Let the daemon see it at once."""
    connection.execute("SELECT pg_notify('enrichd_wake', current_schema() || ' sweep')")


def resolve(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="A job that is `submitting`.")],
    batch_id: Annotated[
        str | None, typer.Option("--adopt", metavar="BATCH_ID", help="The vendor has it as this.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--send-again", help="The vendor does not have it: submit it again.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Against signs to the contrary, never against proof.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what became of a submission whose answer was lost.

    Only for one that stays unresolved: the daemon finds out by itself as soon as the jobs at the
    vendor that may be this one (`enrichd jobs JOB_ID` names them) have ended and can be read.
    """
    if again == (batch_id is not None):
        raise InvalidRequestError("Say either --adopt BATCH_ID or --send-again.")
    context = Context(settings_for(data_dir), "cli")
    wanted = job_uuid(job_id)
    if batch_id is not None:
        batch_id = batch_id.strip()
        if not batch_id.isprintable() or not 0 < len(batch_id) <= MAX_BATCH_ID:
            raise InvalidRequestError(
                f"--adopt must be 1 to {MAX_BATCH_ID} printable characters, not {batch_id[:80]!r}."
            )
        resolution.adopt(context, wanted, batch_id, force=force)
    else:
        if not yes:
            if as_json:
                raise InvalidRequestError("--json asks no questions; add --yes.")
            typer.confirm("If the vendor has it after all, it is paid twice. Go on?", abort=True)
        resolution.send_again(context, wanted, force=force)
    with context.ledger.connect() as connection:
        _wake(connection)
    if as_json:
        print_json({"job_id": job_id, "batch_id": batch_id})
    else:
        print_line(f"Job {job_id} " + (f"is {batch_id}." if batch_id else "is submitted again."))


@db.command("upgrade", epilog=examples("enrichd db upgrade"))
def upgrade(
    revision: Annotated[
        str, typer.Argument(metavar="REVISION", help="Default: the newest.")
    ] = "head",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Bring the ledger's schema up to date.

    Safe to repeat, and safe beside a running daemon.
    """
    settings = settings_for(data_dir)
    migrate.upgrade(settings, revision)
    _show_revision(settings, as_json)


@db.command("current", epilog=examples("enrichd db current --json"))
def current(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the revision of the schema; exit code 1 if there is a newer one."""
    settings = settings_for(data_dir)
    _show_revision(settings, as_json)
    if migrate.current(settings) != migrate.newest():
        raise typer.Exit(1)


@db.command("downgrade", epilog=examples("enrichd db downgrade -- -1"))
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="A revision, -1, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take migrations back. What they made is dropped with everything in it."""
    settings = settings_for(data_dir)
    if not yes:
        if as_json:
            raise InvalidRequestError("--json asks no questions; add --yes.")
        typer.confirm(f"Drop what was made after {revision}, with all data in it?", abort=True)
    migrate.downgrade(settings, revision)
    _show_revision(settings, as_json)


def _show_revision(settings: Settings, as_json: bool) -> None:
    have, want = migrate.current(settings), migrate.newest()
    if as_json:
        print_json({"schema": settings.database_schema, "revision": have, "newest": want})
    else:
        print_line(
            f"Schema {settings.database_schema} is at revision {have or 'none'}; newest: {want}."
        )
