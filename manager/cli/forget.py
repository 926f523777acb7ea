"""`enrichd forget`: remove what is held of a company or a person."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
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
from manager.cli.tables import counted, show_list
from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES
from manager.operator import forget as operator
from manager.steps.context import Context

COLUMNS = ("account", "endpoint", "type", "identifier", "state", "results", "items")
STAYS = (
    "What stays: that something was bought, when, by which job and for which request, without "
    "whom; requests' metadata and idempotency keys, which are not searched; backups, the "
    "write-ahead log and logs, as long as they are kept; files kept on other machines, until a "
    "worker there has seen it, some seconds."
)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "forget",
        epilog=examples(
            "enrichd forget jane@example.com --dry-run",
            "enrichd forget https://www.linkedin.com/in/jane --yes",
            "enrichd forget stripe.com --type domains --only",
            "enrichd forget --file erasures.txt --yes --json",
        ),
    )(forget)


def forget(
    identifiers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IDENTIFIER…",
            help="As anybody would write them; - reads them from standard input, one a line.",
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
        Path | None, typer.Option(metavar="FILE", help="Read more of them, one a line.")
    ] = None,
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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
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
    wanted = _wanted(identifiers or [], file)
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
    ask_first("Forget this? It cannot be undone.", yes=yes, as_json=as_json)
    done = asdict(operator.forget(context, found))
    _say(shown | {"forgotten": done, "stays": STAYS}, _sentence(done), as_json)


def _say(shown: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        print_line(sentence)


def _sentence(done: dict[str, Any]) -> str:
    counts = ", ".join(
        counted(done[name], *what)
        for name, what in (
            ("enrichments", ("enrichment",)),
            ("results", ("result",)),
            ("items", ("value of a caller", "values of callers")),
            ("strays", ("stray envelope",)),
            ("files", ("kept file",)),
            ("messages", ("message that quoted them", "messages that quoted them")),
        )
    )
    waits = ", ".join(map(str, done["waits"]))
    later = f"\nWhen its results come, what these jobs bring is dropped: {waits}." if waits else ""
    if done["to_analyse"]:
        later += (
            "\nThe planner's statistics still show them, since this role does not own the tables. "
            f"Let their owner run: {done['to_analyse']}"
        )
    return f"Forgotten: {counts}.{later}\n{STAYS}"


def _wanted(given: list[str], file: Path | None) -> list[str]:
    wanted = [it for it in given if it != "-"]
    if "-" in given and sys.stdin is not None:
        wanted += sys.stdin.read().splitlines()
    if file is not None:
        try:
            wanted += file.expanduser().read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequestError(f"--file: {file} cannot be read: {error}.") from None
    wanted = [it for it in wanted if it.strip()]
    if not wanted:
        raise InvalidRequestError("Name what is to be forgotten: IDENTIFIER…, - or --file FILE.")
    return wanted
