"""What the ledger holds as tables for the terminal; the same with --json as JSON.

Numbers, states and times are never cut. What does not fit beside them is cut with a mark, or stands
below; where even they do not fit, each object has a paragraph.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from manager.cli.options import print_json, print_line
from manager.cli.width import beginnings, cells, cut, folded, packed, padded, terminal_width
from manager.operator.words import age

TITLES = {
    "request_id": "request",
    "job_id": "job",
    "object_id": "id",
    "at": "age",
    "by": "found by",
    "batch_id": "batch id",
    "enrichment_id": "enrichment",
    "stray_id": "stray",
    "lane_id": "lane",
    "identifier_count": "size",
    "result_count": "results",
    "created_at": "age",
    "kept_at": "age",
    "settled_at": "settled",
    "last_seen_at": "seen",
    "oldest_at": "oldest",
    "held_since": "held",
}
# What is made shorter when a line is too long, the last of them first.
CAN_BE_CUT = ("why", "reason", "sentence", "standing", "metadata", "identifier", "fields")
# How a number is written with its unit: ~1,200, 3.5 MB, 40%, 12 s.
NUMBER = re.compile(r"|(~|-|≤ ?)?[0-9][0-9.,]*(%| ?(B|kB|MB|GB|s|min|h))?")
STATES = ("state", "whose", "status", "stage", "paused", "slot")
CORE = (*STATES, "tag")
# An id's beginning that tells the millisecond in which it was made.
SHORT_ID = len("01a218c0-22b8")
LEAST, GAP, INDENT = 16, 2, "    "
MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as it is written.

    `core`: what the row is of, a number, a state, a time or an id, which is never cut, and never
    stands below where nothing says what it is.
    """

    name: str
    title: str
    cells: list[str]
    numeric: bool
    core: bool

    @property
    def width(self) -> int:
        return max(map(cells, [self.title, *self.cells]))

    @property
    def least(self) -> int:
        return min(self.width, LEAST) if self.name in CAN_BE_CUT else self.width

    def cell(self, text: str, width: int) -> str:
        return padded(cut(text, width), width, right=self.numeric)


def show_list(listed: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """These columns as a table, in whatever width there is; everything as JSON."""
    if as_json:
        print_json(list(listed))
        return
    print_line("\n".join(table(listed, columns, terminal_width())) if listed else "none")


def table(
    listed: Sequence[Mapping[str, Any]], names: Sequence[str], width: int | None
) -> list[str]:
    """The lines of a table of at most that width; None: as wide as it is."""
    whole = [_column(name, [row[name] for row in listed], name == names[0]) for name in names]
    if width is None or (_least(whole) <= width and all(map(_is_short, whole))):
        return _lines(whole, width)
    made = [_shortened(it) for it in whole if any(it.cells)] or whole
    if _least(made) <= width:
        return _lines(made, width)
    core = [it for it in made if it.core]
    if _least(core) > width:
        return _paragraphs(made, width)
    head, *rows = _lines(core, width)
    below = [it for it in made if not it.core]
    return [head, *(it for n, row in enumerate(rows) for it in (row, *_below(below, n, width)))]


def show_one(shown: Mapping[str, Any], as_json: bool, notes: Mapping[str, str] = {}) -> None:
    """Everything that is known of one object; for people without what it has not.

    notes: what is said beside a field whose name says too little.
    """
    if as_json:
        print_json(shown)
        return
    width = terminal_width()
    known = {name: _whole(value) for name, value in shown.items() if value not in (None, [], {})}
    most = max(map(len, known), default=0) + GAP
    for name, value in known.items():
        text = f"{value}  ({notes[name]})" if name in notes else value
        if width is None:
            print_line(f"{name:{most}}{text}")
        elif most + LEAST > width:
            print_line("\n".join([name, *(f"{INDENT}{it}" for it in folded(text, width - 4))]))
        else:
            lines = folded(text, width - most)
            print_line(f"\n{'':{most}}".join([f"{name:{most}}{lines[0]}", *lines[1:]]))


def printable(text: str) -> str:
    """Text of others for the terminal, as rich prints it: no markup, and no control sequences."""
    from rich.markup import escape

    return escape(plain(text))


def plain(text: str) -> str:
    """Text of others for the terminal: no control sequences."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _column(name: str, values: Sequence[Any], first: bool) -> _Column:
    texts = [_cell(it) for it in values]
    cuttable = name in CAN_BE_CUT
    numeric = name != "slot" and not cuttable and all(map(NUMBER.fullmatch, texts)) and any(texts)
    timed = any(isinstance(it, datetime) for it in values)
    core = numeric or timed or first or name in CORE or name.endswith("_id")
    title = TITLES.get(name, name.replace("_", " "))
    return _Column(name, title, texts, numeric and not timed, core)


def _shortened(column: _Column) -> _Column:
    """Of ids their beginnings: as much as tells them apart, and is accepted in their place."""
    if not (column.name.endswith("_id") and all(map(_is_id, filter(None, column.cells)))):
        return column
    short = beginnings(column.cells, SHORT_ID)
    return _Column(column.name, column.title, short, column.numeric, column.core)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _is_short(column: _Column) -> bool:
    """Whether nothing would be gained for it by shorter ids."""
    return column.name not in CAN_BE_CUT or column.width <= LEAST


def _least(columns: Sequence[_Column]) -> int:
    return sum(it.least for it in columns) + GAP * (len(columns) - 1)


def _lines(columns: Sequence[_Column], width: int | None) -> list[str]:
    """Head and rows; what is left of the width goes to what can be cut, by its order there."""
    widths = {it.name: it.width for it in columns}
    if width is not None:
        widths = {it.name: it.least for it in columns}
        left = width - _least(columns)
        for name in reversed(CAN_BE_CUT):
            for it in columns:
                if it.name == name:
                    more = min(left, it.width - it.least)
                    widths[name] += more
                    left -= more
    rows = [[it.title for it in columns], *zip(*(it.cells for it in columns), strict=True)]
    gap = " " * GAP
    return [
        gap.join(
            it.cell(text, widths[it.name]) for it, text in zip(columns, row, strict=True)
        ).rstrip()
        for row in rows
    ]


def _below(columns: Sequence[_Column], number: int, width: int) -> list[str]:
    """What stands below a row."""
    room = width - len(INDENT)
    lines = packed((text for it in columns if (text := it.cells[number])), room)
    if len(lines) > MOST_LINES:
        rest = " ".join(lines[MOST_LINES - 1 :])
        lines = [*lines[: MOST_LINES - 1], cut(rest, room)]
    return [f"{INDENT}{line}" for line in lines]


def _paragraphs(columns: Sequence[_Column], width: int) -> list[str]:
    """Each object in lines of its own."""
    lines: list[str] = []
    for number in range(len(columns[0].cells)):
        core = [
            text if it.name in STATES and it.name != "slot" else f"{it.title} {text}"
            for it in columns
            if it.core and (text := it.cells[number])
        ]
        first, *more = packed(core, width - GAP)
        lines += [first, *(f"{' ' * GAP}{line}" for line in more)]
        lines += _below([it for it in columns if not it.core], number, width)
    return lines


def _cell(value: Any) -> str:
    """In one line."""
    if isinstance(value, datetime):
        return age(value)
    return " ".join(_text(value).split())


def _whole(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return _text(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case list() | tuple():
            return plain(", ".join(map(str, value)))
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case dict():
            return plain(json.dumps(value, ensure_ascii=False))
        case _:
            return plain(str(value))
