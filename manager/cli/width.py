"""How wide text is on a terminal, and how it is fitted into a width."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from unicodedata import category, east_asian_width

# Narrower terminals break lines themselves.
LEAST = 20
CUT = "…"


def terminal_width() -> int | None:
    """Columns of the terminal; None: no line ends for who reads it, into a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(LEAST, int(given))
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return max(LEAST, shutil.get_terminal_size().columns)


def cells(text: str) -> int:
    """How many columns it takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, width: int) -> str:
    """As much of it as fits, with a mark where something is left out."""
    if cells(text) <= width:
        return text
    taken, room = "", width - 1
    for char in text:
        room -= _cells(char)
        if room < 0:
            break
        taken += char
    return taken.rstrip() + CUT


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Filled with spaces up to that width."""
    space = " " * max(0, width - cells(text))
    return space + text if right else text + space


def packed(parts: Iterable[str], width: int, between: str = "  ") -> list[str]:
    """Parts in as few lines as they fit into; one that is wider than a line is broken itself."""
    lines: list[str] = []
    for part in parts:
        if lines and cells(lines[-1]) + len(between) + cells(part) <= width:
            lines[-1] += between + part
        else:
            lines += folded(part, width)
    return lines


def folded(text: str, width: int) -> list[str]:
    """Its lines, broken at spaces where that is possible, nothing left out."""
    lines: list[str] = []
    for line in text.split("\n"):
        row = ""
        for word in line.split(" "):
            grown = f"{row} {word}" if row else word
            if cells(grown) <= width:
                row = grown
                continue
            if row:
                lines.append(row)
            *full, row = _chopped(word, width)
            lines += full
        lines.append(row)
    return lines


def beginnings(ids: Sequence[str], least: int) -> list[str]:
    """The ids, shortened as far as they stay distinct, each to the same length."""
    whole = {it for it in ids if it}
    longest = max(map(len, whole), default=0)
    length = next(
        (it for it in range(least, longest) if len({id[:it] for id in whole}) == len(whole)),
        longest,
    )
    return [id[:length].rstrip("-") for id in ids]


def _cells(char: str) -> int:
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _chopped(word: str, width: int) -> list[str]:
    parts, room = [""], width
    for char in word:
        taken = _cells(char)
        if taken > room:
            parts.append("")
            room = width
        parts[-1] += char
        room -= taken
    return parts
