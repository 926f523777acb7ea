"""Results as lines of a file, made as they are read: CSV and JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from manager.client.follow import Row
from manager.client.lines import as_json, csv_line, on_one_line
from manager.client.table import Table


def csv_lines(
    table: Table, pages: Iterable[Sequence[Row]], *, raw: bool = False
) -> Iterator[bytes]:
    """A header and one row an identifier. What is missing is an empty cell, an empty text "";
    lists and truth values are JSON. raw: cells as they are, formulas too.
    """
    columns, lines = table.lines(pages)
    yield csv_line([*table.head, *columns], raw=raw)
    for head, cells in lines:
        yield csv_line([*map(_plain, head), *map(_value, cells)], raw=raw)


def json_lines(table: Table, pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """One object a line. Records, and fields of them, are written as the ledger holds them: no
    number is rounded, and NaN or Infinity is none of JSON's.
    """
    columns, lines = table.lines(pages)
    names = [_json(name) + b": " for name in (*table.head, *columns)]
    for head, cells in lines:
        values = [*map(_json, head), *(cell or b"null" for cell in cells)]
        members = b", ".join(map(bytes.__add__, names, values))
        yield on_one_line(b"{" + members + b"}\n")


def _plain(value: str | int | datetime | None) -> str | int | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(cell: bytes | None) -> str | None:
    """A text without JSON's quotes; of the rest its JSON."""
    if cell is None or cell == b"null":
        return None
    return msgspec.json.decode(cell, type=str) if cell.startswith(b'"') else cell.decode()


def _json(value: Any) -> bytes:
    """What is not of a record."""
    return as_json(value.isoformat() if isinstance(value, datetime) else value)
