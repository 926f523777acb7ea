"""`enrichd db`: the ledger's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.cli.options import (
    DataDir,
    Json,
    ask_first,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.ledger import migrate
from manager.settings import Settings

db = typer.Typer(
    help="Show or change the ledger's schema.", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(db, name="db")


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
    question = f"Drop what was made after {revision}, with all data in it?"
    ask_first(question, yes=yes, as_json=as_json)
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
