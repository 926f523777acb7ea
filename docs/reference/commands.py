"""The commands, as each tells of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import typer

from docs.reference.text import code
from manager.cli import COMMANDS, EXIT_CODES, make_app

WIDTH = 96


Path = tuple[str, ...]


def walk(command: Any, path: Path = ("enrichd",)) -> Iterator[tuple[Path, Any]]:
    """Each command with how it is called, groups before what they hold."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


def program() -> Any:
    """The whole program, its commands in the order of the help."""
    made: Any = typer.main.get_command(make_app())
    made.commands = {name: made.commands[name] for name in COMMANDS}
    return made


def commands() -> str:
    """The page."""
    parts = [
        "# Commands\n\nEach has `--help`; this is what they print. "
        "Times that are handed over (`--since`) are a span back (`2h`, `7d`) or a moment in UTC.\n"
    ]
    for path, command in walk(program()):
        if len(path) == 1 or (path[-1] == "show" and len(path) == 3):
            continue  # what all have in common; `enrichd jobs ID` is `enrichd jobs show ID`
        heading = f"{'#' * len(path)} {' '.join(path)}"
        parts.append(f"{heading}\n\n```text\n{_help(path, command)}\n```\n")
    return "\n".join(parts)


def exit_codes() -> str:
    """The page."""
    rows = re.findall(r"^  (\d+) +(.+)$", EXIT_CODES, re.MULTILINE)
    listed = "".join(f"| {code(number)} | {means} |\n" for number, means in rows)
    return (
        "# Exit codes\n\nThe same for all commands. An error is one sentence on standard error.\n\n"
        f"| code | means |\n|---|---|\n{listed}"
    )


def _help(path: Path, command: Any) -> str:
    if path == ("enrichd", "sandbox"):
        return _sandbox()
    context = command.context_class(
        command,
        info_name=" ".join(path),
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return str(command.get_help(context)).rstrip()


def _sandbox() -> str:
    """It is a program of its own."""
    asked = [sys.executable, "-m", "sandbox", "--help"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.rstrip()
