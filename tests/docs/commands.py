"""Whether the CLI understands a command line: parsed as it parses, and not run."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import typer

from docs.reference.commands import program

# What a usage error is, which Typer does not name.
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
# A prompt, a container, and where input and output go.
AROUND = re.compile(r"^\$ |^docker compose exec (?:--no-TTY )?\w+ |\s[<>]\s*\S+")
# What stands for a value: JOB_ID, NAME, DIR, …
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]+")


@cache
def cli() -> Any:
    """The whole program."""
    return program()


def commands(text: str) -> list[str]:
    """The calls of `enrichd` in lines of a shell, without what is around them."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s*(?:&&|\|\||[|;])\s*", line.partition(" #")[0].strip()):
            part = AROUND.sub("", part)
            if re.match(r"enrichd(\s|$)", part):
                found.append(part)
    return found


def quoted(text: str) -> list[str]:
    """The calls of `enrichd` that stand in backquotes, in prose."""
    text = re.sub(r"\s+", " ", text)
    return [it for it in re.findall(r"`(enrichd(?: [^`]+)?)`", text) if "…" not in it]


def refusal(line: str, *, whole: bool = True) -> str | None:
    """Why the CLI would refuse the line; None when it understands it.

    whole: whether what it needs may not be missing. A name in capitals stands for any value.
    """
    _, *arguments = shlex.split(line)
    command, context, path = cli(), None, "enrichd"
    if not arguments:
        return None
    try:
        while True:
            context = command.make_context(path, list(arguments), parent=context)
            if not hasattr(command, "commands"):
                return None
            rest = [*context._protected_args, *context.args]
            if not rest:
                return None
            path, arguments = rest[0], rest[1:]
            below = command.get_command(context, path)
            if below is None and PLACEHOLDER.fullmatch(path):
                return None
            if below is None:
                return f"{line}: there is no command {path}"
            command = below
    except typer.Exit:  # --help, --version
        return None
    except USAGE_ERROR as raised:
        error: Any = raised
        is_missing = type(error).__name__ == "MissingParameter"
        stands_for = isinstance(error, typer.BadParameter) and any(
            PLACEHOLDER.fullmatch(it) for it in arguments
        )
        excused = not whole if is_missing else stands_for
        return None if excused else f"{line}: {error.format_message()}"
