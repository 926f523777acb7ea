"""What `--help` tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from manager.cli import make_app
from manager.cli.groups import SHOW, GroupThatShows
from tests.cli.conftest import Call

# It is the vendor's, and has options of its own.
NOT_OURS = {"sandbox"}


def commands(command: Any, *names: str) -> Iterator[str]:
    """Every command; one that does something by itself, too, is what it does then."""
    by_itself = {SHOW, "list"} if isinstance(command, GroupThatShows) else set()
    below = getattr(command, "commands", {})
    if names and (by_itself or not below):
        yield " ".join(names)
    for name in below.keys() - by_itself - NOT_OURS:
        yield from commands(below[name], *names, name)


COMMANDS = sorted(commands(typer.main.get_command(make_app())))


def test_the_program_explains_its_exit_codes_and_names_every_command(call: Call) -> None:
    done = call("--help")
    assert done.code == 0
    assert "Exit codes:\n    0    done" in done.out
    assert "\n    3    Postgres, Redis or the vendor cannot be reached" in done.out
    named = {line.split()[0] for line in done.out.splitlines() if line.startswith("  ")}
    assert {command.split()[0] for command in COMMANDS} | {"sandbox"} <= named
    assert "..." not in done.out.replace("COMMAND [ARGS]...", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_and_prints_json_for_programs(
    call: Call, command: str
) -> None:
    done = call(*command.split(), "--help")
    assert done.code == 0
    assert f"Examples:\n    enrichd {command}" in done.out
    assert "--json" in done.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nope"], "No such command 'nope'"),
        (["enqueue"], "Missing argument 'FILE'"),
        (["enqueue", "-", "--format", "xml"], "'xml' is not one of 'lines', 'csv', 'jsonl'"),
        (["requests", "--limit", "0"], "Invalid value for '--limit'"),
        (["results"], "Missing argument 'REQUEST_ID'"),
        (["results", "x", "--format", "xml"], "'xml' is not one of 'jsonl', 'csv', 'parquet'"),
        (
            ["jobs", "give-up"],
            "Say which: ids, a filter such as --since 2h (see --help), or --all.",
        ),
        (["jobs", "a-job", "give-up"], "Got unexpected extra argument(s) (give-up)"),
        (["accounts", "rename", "old"], "Missing argument 'NEW'"),
        (["accounts", "remve", "old"], "Got unexpected extra argument(s) (remve old)"),
    ],
)
def test_wrong_usage_is_named_and_ends_with_2(call: Call, arguments: list[str], error: str) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert error in done.err.splitlines()[-1]
