"""`enrichd doctor`: what is wrong, what it means, and what to do."""

from __future__ import annotations

import socket
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from manager.cli.options import Account, DataDir, Json, console, examples, print_json
from manager.errors import InvalidRequestError
from manager.operator.doctor.finding import LEVELS, Area, Finding, Level
from manager.operator.words import counted

STYLES: dict[Level, str] = {"ok": "green", "warning": "yellow", "problem": "bold red"}
# A change that a program that reads the JSON would notice makes it the next number.
FORMAT = 1


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "doctor",
        epilog=examples(
            "enrichd doctor",
            "enrichd doctor --area postgres --area redis",
            "enrichd doctor --brief --strict",
            "enrichd doctor --json | jq '.findings[] | select(.level != \"ok\")'",
        ),
    )(doctor)


def doctor(
    context: typer.Context,
    area: Annotated[
        list[str] | None,
        typer.Option(
            "--area",
            "--only",
            metavar="AREA",
            help=f"Look at that alone; may be repeated: {', '.join(get_args(Area))}.",
            show_default=False,
        ),
    ] = None,
    account: Account = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Show nothing that is as it should be.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for warnings, too.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong, and say what to do.

    Works with what there is: without a ledger, Redis or a key, on a standby, with an old schema.
    Changes nothing. Of each account it makes one call of the vendor's list of jobs, which costs
    no credits, if one is left (`--area` without vendor makes none). Takes 30 seconds at most.

    Exit code 0 when there is no problem, though there may be warnings; 1 when there is one.
    """
    from manager.operator.doctor import configuration, examine  # here: it needs everything
    from manager.settings.origins import read

    areas = _areas(area or [])
    reading = read(data_dir=_as_argument(context, data_dir))
    names = [it.name for it in reading.settings.served]
    if account is not None and account not in names:
        raise InvalidRequestError(
            f"--account {account!r} is not configured here; those that are: {', '.join(names)}."
        )
    with _patience(as_json):
        found = examine(reading, areas, account)
    if as_json:
        counts = {level: found.count(level) for level in LEVELS}
        print_json(
            {
                "format": FORMAT,
                "at": datetime.now(UTC),
                "host": socket.gethostname(),
                "worst": found.worst,
                "counts": counts,
                "settings": [asdict(it) for it in configuration.values(reading)],
                "findings": [asdict(it) for it in found.findings],
            }
        )
    else:
        shown = [it for it in found.findings if not brief or it.level != "ok"]
        for name in areas:
            _show(name, [it for it in shown if it.area == name])
        console.print(_summary({level: found.count(level) for level in LEVELS}))
    bad = found.worst == "problem" or (strict and found.worst == "warning")
    raise typer.Exit(1 if bad else 0)


def _as_argument(context: typer.Context, data_dir: Path | None) -> Path | None:
    """The data directory, if it was typed: else the settings find the variable by themselves."""
    source = context.get_parameter_source("data_dir")
    if data_dir is None or source is None or source.name != "COMMANDLINE":
        return None
    return data_dir.expanduser().absolute()


def _areas(chosen: list[str]) -> list[Area]:
    known = get_args(Area)
    if unknown := [it for it in chosen if it not in known]:
        raise InvalidRequestError(f"--area {unknown[0]!r} is none; there are: {', '.join(known)}.")
    return [it for it in known if not chosen or it in chosen]


def _patience(as_json: bool) -> Status:
    """Shown on a terminal as long as it takes."""
    quiet = as_json or not sys.stderr.isatty()
    return Console(stderr=True, quiet=quiet).status("looking …")


def _show(area: str, findings: list[Finding]) -> None:
    if not findings:
        return
    console.print(Text(area, style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=7)
    table.add_column(overflow="fold")
    for it in findings:
        table.add_row(Text(it.level, style=STYLES[it.level]), _told(it))
    console.print(table)
    console.print()


def _told(it: Finding) -> Text:
    """In words: whose it is, what it is about, what it means, what to do."""
    text = Text()
    if it.account:
        text.append(f"account {_plain(it.account)}, ")
    text.append(_plain(it.subject), style="bold")
    text.append(f": {_plain(it.means)}")
    if it.advice:
        text.append(f"\n→ {_plain(it.advice)}", style="cyan")
    return text


def _plain(text: str) -> str:
    """Text of others without control sequences."""
    return "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text)


def _summary(counts: dict[Level, int]) -> Text:
    problems, warnings, fine = counts["problem"], counts["warning"], counts["ok"]
    style = STYLES["problem" if problems else "warning" if warnings else "ok"]
    return Text(
        f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}, {fine} ok", style=style
    )
