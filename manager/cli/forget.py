"""`enrichd forget`: remove what is held of a company or a person."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from manager.cli.acting import By, Why, Yes, actor, confirm
from manager.cli.files import IdentifierFiles, Options
from manager.cli.files.arguments import Column, Delimiter, Encoding, FileFormat, Header, Sheet
from manager.cli.options import (
    DataDir,
    Json,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, is_missing
from manager.operator import forget as operator
from manager.operator.actions import perform
from manager.operator.actions.forget import FORGET
from manager.operator.chosen import choose
from manager.operator.words import counted
from manager.steps.context import Context

COLUMNS = ("account", "endpoint", "type", "identifier", "state", "results", "items")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "forget",
        epilog=examples(
            "enrichd forget jane@example.com --dry-run",
            "enrichd forget https://www.linkedin.com/in/jane --yes",
            "enrichd forget stripe.com --type domains --only",
            "enrichd forget --file erasures.txt --yes --json",
            "enrichd forget --file erasures.xlsx --column email --dry-run",
        ),
    )(forget)


def forget(
    identifiers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IDENTIFIER…",
            help="As anybody would write them; - reads a file of them from standard input.",
            show_default=False,
        ),
    ] = None,
    type: Annotated[
        str | None,
        typer.Option(
            help=f"What they are: {', '.join(IDENTIFIER_TYPES)}. Default: whatever they can be."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read more of them: one a line, CSV, JSON, Parquet or Excel, packed or not.",
        ),
    ] = None,
    column: Column = None,
    format: FileFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header: Header = None,
    only: Annotated[
        bool,
        typer.Option(
            "--only",
            help="Leave the same company or person under other identifiers.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is held; change nothing.")
    ] = False,
    why: Why = None,
    by: By = None,
    yes: Yes = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Remove what is held of companies or people, everywhere.

    Their records of all cycles, the identifiers as they were sent and as callers wrote them,
    envelopes that settled nothing, results files kept on this machine, messages that quote them;
    and the same under other identifiers, by the vendor's id of it. What waits is not bought; what
    is at the vendor is dropped when it comes. Requests keep their counts, and show such an
    identifier as "(forgotten)". Asked for again, it is bought anew.
    """
    kind = operator.checked_type(type)
    reading = Options(kind, column, format, delimiter, encoding, sheet, header)
    wanted = _wanted(identifiers or [], file, reading)
    values = {"identifiers": wanted, "type": type, "only": only}
    context = Context(settings_for(data_dir), "cli")
    found = operator.find(context, wanted, type, only=only)
    held = [asdict(it) for it in found.held]
    shown = {"enrichments": held, "strays": found.strays, "files": len(found.kept)}
    nothing = not (held or found.strays or found.kept)
    if not as_json and (dry_run or not yes):
        show_list(held, COLUMNS, as_json=False)
        besides = (counted(found.strays, "stray envelope"), counted(len(found.kept), "kept file"))
        print_line(f"Besides: {', '.join(besides)}.")
    if dry_run:
        if as_json:
            print_json(shown)
        return
    if nothing:
        _say(shown | {"forgotten": None}, "Nothing of that is held.", as_json)
        return
    everything = choose("enrichment", {})
    count = len(held) + found.strays + len(found.kept)
    confirm(FORGET, count, yes=yes, as_json=as_json)
    done = perform(context, FORGET.name, everything, values, actor(by, why))
    _say(shown | {"forgotten": done.counts, "stays": operator.STAYS}, done.sentence, as_json)


def _say(shown: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        print_line(sentence)


def _wanted(given: list[str], file: Path | None, reading: Options) -> list[str]:
    wanted = [it for it in given if it != "-"]
    paths = [Path("-")] if "-" in given else []
    paths += [] if file is None else [file.expanduser()]
    if paths:
        values = IdentifierFiles(paths, reading)
        wanted += [str(value) for value in values if not is_missing(value)]
    wanted = [it for it in wanted if it.strip()]
    if not wanted:
        raise InvalidRequestError("Name what is to be forgotten: IDENTIFIER…, - or --file FILE.")
    return wanted
