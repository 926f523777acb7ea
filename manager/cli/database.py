"""`enrichd db`: the ledger's schema and size."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

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
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError
from manager.ledger import revision as revisions
from manager.settings import Settings

db = typer.Typer(
    help="Show or change the ledger's schema, or show its size.",
    no_args_is_help=True,
    rich_markup_mode=None,
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
    from manager.ledger import migrate

    settings = settings_for(data_dir)
    migrate.upgrade(settings, revision)
    _show_revision(settings, as_json)


@db.command("current", epilog=examples("enrichd db current --json"))
def current(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the schema's revision; exit code 1 if one is newer."""
    from manager.ledger import migrate

    settings = settings_for(data_dir)
    _show_revision(settings, as_json)
    if migrate.current(settings) != revisions.newest():
        raise typer.Exit(1)


@db.command("downgrade", epilog=examples("enrichd db downgrade -- -1"))
def downgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="A revision, -1, or base.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take migrations back. What they made is dropped with everything in it."""
    from manager.ledger import migrate

    settings = settings_for(data_dir)
    question = f"Drop what was made after {revision}, with all data in it?"
    ask_first(question, yes=yes, as_json=as_json)
    migrate.downgrade(settings, revision)
    _show_revision(settings, as_json)


@db.command(
    "size",
    epilog=examples(
        "enrichd db size", "enrichd db size --retain requests_days=90 --retain results_count=1"
    ),
)
def size(
    retain: Annotated[
        list[str] | None,
        typer.Option(
            "--retain",
            metavar="NAME=VALUE",
            help="Show what this limit would free: a setting without its retain_. Repeatable; "
            "default: the limits that are set.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what each table takes, and what retention would free.

    Rows are estimates (~) where a table is large. What is freed can be used again by the same
    table once it is vacuumed; the files shrink by VACUUM FULL, or pg_repack, alone.
    """
    from manager.operator.size import size as size_of

    limits = _limits(retain or [])
    settings = settings_for(data_dir, **limits)
    if limits:
        unset = dict.fromkeys(name for name in _known() if name not in limits)
        settings = settings.model_copy(update=unset)
    found = size_of(settings)
    listed = [
        asdict(it)
        | {
            "bytes": it.bytes,
            "frees_rows": found.frees.get(it.name),
            "frees_bytes": found.freed_bytes(it) if it.name in found.frees else None,
        }
        for it in found.tables
    ]
    total = sum(it.bytes for it in found.tables)
    if as_json:
        passes = [asdict(it) for it in found.passes]
        print_json({"tables": listed, "bytes": total, "retention": passes})
        return
    show_list([_shown(it) for it in listed], tuple(_shown(listed[0])), as_json=False)
    freed = sum(it["frees_bytes"] or 0 for it in listed)
    whose = "that" if limits else "what is set"
    print_line(f"{_bytes(total)} in all; {whose} frees about {_bytes(freed)}.")


def _known() -> list[str]:
    return [name for name in Settings.model_fields if name.startswith("retain_")]


def _limits(given: list[str]) -> dict[str, Any]:
    """The settings that these are. Raises InvalidRequestError."""
    limits: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        name = f"retain_{name.strip().removeprefix('retain_')}"
        if name not in _known() or not value.strip():
            names = ", ".join(it.removeprefix("retain_") for it in _known())
            raise InvalidRequestError(f"--retain: {text!r} is not NAME=VALUE with one of {names}.")
        limits[name] = value.strip()
    return limits


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    rows = row["rows"]
    return {
        "table": row["name"],
        "rows": f"{rows:,}" if row["exact"] else f"~{rows:,}",
        "size": _bytes(row["bytes"]),
        "heap": _bytes(row["heap"]),
        "indexes": _bytes(row["indexes"]),
        "toast": _bytes(row["toast"]),
        "dead": row["dead"],
        "vacuumed": row["vacuumed_at"],
        "frees_rows": row["frees_rows"],
        "frees": "" if row["frees_bytes"] is None else _bytes(row["frees_bytes"]),
    }


def _bytes(count: int) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def _show_revision(settings: Settings, as_json: bool) -> None:
    from manager.ledger import migrate

    have, want = migrate.current(settings), revisions.newest()
    if as_json:
        print_json({"schema": settings.database_schema, "revision": have, "newest": want})
    else:
        print_line(
            f"Schema {settings.database_schema} is at revision {have or 'none'}; newest: {want}."
        )
