"""How the pages of the reference are written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

# `name: what it means`, as docstrings have them, over several lines.
ARGUMENT = re.compile(r"^([a-z_]+(?:, [a-z_]+)*): ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(it) for it in line) + " |\n" for line in lines)


def code(text: object) -> str:
    """Text as code."""
    return f"`` {text} ``" if "`" in str(text) else f"`{text}`"


def doc(thing: object) -> str:
    """A docstring as Markdown: what it says of arguments becomes a list."""
    lines: list[str] = []
    listed = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if found := ARGUMENT.match(line):
            names = ", ".join(code(it) for it in found[1].split(", "))
            lines += ([] if listed else [""]) + [f"- {names}: {line[found.end() :]}"]
            listed = True
        elif listed and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            listed = listed and bool(line.strip())
            lines.append(line)
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
