"""A list as a file: CSV that a spreadsheet shows and does not execute, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal, get_args

from psycopg import Connection

from manager.client.lines import csv_line, json_line
from manager.errors import InvalidRequestError
from manager.operator.chosen import Chosen
from manager.operator.listing.paging import pages
from manager.operator.listing.rows import Row
from manager.operator.listing.sorts import sort_of

Format = Literal["csv", "jsonl"]
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


def export(
    connection: Connection[Any], chosen: Chosen, sort: str | None = None, format: str = "csv"
) -> Iterator[bytes]:
    """All that the filter chooses, in UTF-8, as it is read: 1,000 rows at a time.

    CSV has a header and a row an object, JSON lines an object a line; both the names that
    `--json` has. Raises InvalidRequestError, before anything is read.
    """
    if format not in get_args(Format):
        raise InvalidRequestError(f"format: {format[:80]!r} is not one of csv, jsonl.")
    names = [it.name for it in fields(sort_of(chosen, sort).row)]
    found = pages(connection, chosen, sort)
    return _csv(names, found) if format == "csv" else _jsonl(names, found)


def _csv(names: list[str], found: Iterable[list[Row]]) -> Iterator[bytes]:
    yield csv_line(names)
    for rows in found:
        yield b"".join(csv_line(_cell(getattr(row, name)) for name in names) for row in rows)


def _jsonl(names: list[str], found: Iterable[list[Row]]) -> Iterator[bytes]:
    for rows in found:
        yield b"".join(
            json_line({name: _plain(getattr(row, name)) for name in names}) for row in rows
        )


def _cell(value: Any) -> str | int | None:
    """A text, a whole number or nothing; of the rest its JSON."""
    value = _plain(value)
    return value if isinstance(value, str | int | None) else json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | list | dict | None) else str(value)
