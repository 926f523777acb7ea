"""What the ledger holds as tables for the terminal; the same with --json as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from manager.cli.options import console, print_json
from manager.operator.status import age

TITLES = {
    "request_id": "request",
    "job_id": "job",
    "identifier_count": "identifiers",
    "result_count": "results",
    "created_at": "age",
    "held_since": "held",
}


def show_list(listed: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """These columns as a table whose ids can be copied whole; everything as JSON."""
    if as_json:
        print_json(list(listed))
        return
    if not listed:
        console.print("none")
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        numeric = all(isinstance(row[name], int | None) for row in listed)
        table.add_column(
            TITLES.get(name, name.replace("_", " ")),
            justify="right" if numeric and name != "slot" else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=36 if name.endswith("_id") and any(row[name] for row in listed) else None,
        )
    for row in listed:
        table.add_row(*(_cell(row[name], short=True) for name in columns))
    console.print(table)


def show_one(shown: dict[str, Any], as_json: bool) -> None:
    """Everything that is known of one object."""
    if as_json:
        print_json(shown)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in shown.items():
        table.add_row(name, _cell(value, short=False))
    console.print(table)


def _cell(value: Any, short: bool) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return age(value) if short else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case list():
            return printable(", ".join(map(str, value)))
        case int():
            return f"{value:,}"
        case dict():
            return printable(json.dumps(value, ensure_ascii=False))
        case _:
            return printable(" ".join(str(value).split()) if short else str(value))


def printable(text: str) -> str:
    """Text of others for the terminal: no markup, and no control sequences either."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def counted(count: float, one: str, several: str = "") -> str:
    """A number and what it counts: 1 record, 2,000 records."""
    number = f"{count:,.0f}"
    return f"{number} {one if number == '1' else several or f'{one}s'}"
