"""What several commands share: options, output, and how to call the program from here."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from manager.endpoints import ENDPOINTS
from manager.errors import InvalidRequestError
from manager.settings import Settings, load_settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="ENRICHD_DATA_DIR",
        help="Directory of an embedded installation (see `enrichd up --embedded`).",
        show_default=False,
    ),
]


def _not_empty(account: str | None) -> str | None:
    """A variable that is not set means no account, least of all the default one."""
    if account is not None and not account.strip():
        raise InvalidRequestError("--account is empty: say which, or leave it out.")
    return account


Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="The account that is meant, by its name.",
        callback=_not_empty,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", help=f"The endpoint that is meant: {', '.join(ENDPOINTS)}."),
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

# Into a pipe a table is as wide as it needs to be; no line is broken for a reader that has none.
_WIDE = None if sys.stdout is not None and sys.stdout.isatty() else 300
console = Console(highlight=False, width=None if "COLUMNS" in os.environ else _WIDE)


def examples(*lines: str) -> str:
    """The end of a command's help: how it is called, line by line."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def settings_for(data_dir: Path | None, **overrides: Any) -> Settings:
    """The settings, read with the command's --data-dir."""
    if data_dir is not None:
        data_dir = data_dir.expanduser().absolute()
        os.environ["ENRICHD_DATA_DIR"] = str(data_dir)
    return load_settings(data_dir=data_dir, **overrides)


def ask_first(question: str, *, yes: bool, as_json: bool) -> None:
    """Go on only after a yes; without one the program ends. Raises InvalidRequestError."""
    if yes:
        return
    if as_json:
        raise InvalidRequestError("--json asks no questions; add --yes.")
    with answered():
        sure = typer.confirm(question)
    if not sure:
        print_line("Nothing was done.")
        raise typer.Exit(1)


@contextmanager
def answered() -> Iterator[None]:
    """Where nobody answers the question within, say so and end the program."""
    try:
        if sys.stdin is None:  # it was closed by the caller
            raise typer.Abort
        yield
    except typer.Abort:
        print_line("\nNothing was done: nobody answered. --yes does not ask.")
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    """One JSON value on one line of standard output, at once."""
    print(json.dumps(value, default=_plain, ensure_ascii=False), flush=True)


def print_line(text: str = "") -> None:
    """A line as it is: what is to be copied must not be broken at the terminal's width."""
    print(text, flush=True)


def program() -> str:
    """How to call this very program: `enrichd`, or its path when that is not on PATH."""
    script = Path(sys.argv[0]).absolute()
    if script.name != "enrichd":
        script = Path(sys.executable).with_name("enrichd")
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m manager"
    found = shutil.which("enrichd")
    if found is not None and os.path.samefile(found, script):
        return "enrichd"
    with suppress(ValueError):
        script = script.relative_to(Path.cwd())
    return shlex.quote(str(script) if len(script.parts) > 1 else f"./{script}")


def _plain(value: Any) -> str | float:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return float(value)
        case _:
            return str(value)
