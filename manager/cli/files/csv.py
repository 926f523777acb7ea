"""CSV, with any delimiter: the cells of one column."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from manager.cli.files.decode import MAX_RECORD, Text
from manager.cli.files.header import Column, choose
from manager.cli.files.options import Found, Options
from manager.cli.files.sniff import delimiter_of
from manager.client.staging import Unusable

_GIVEN = "sep="


def read(text: Text, options: Options, found: Found) -> Iterator[tuple[int, object]]:
    """(line, cell) of each row that is not blank; the line is the row's first."""
    sample = text.sample()
    given = _given(sample)
    found.delimiter = options.delimiter or given or delimiter_of(sample, options.column)
    lines = text.lines(MAX_RECORD)
    if given:
        next(lines)
    column: Column | None = None
    below = False
    for number, row in _rows(text, lines, found.delimiter):
        if not row:
            below = True
            continue
        if column is None:
            column = choose(row, options, text.name, f"line {number}", hint=_hint_for(found))
            found.header, found.column = column.name is not None, column.called
            if found.header:
                continue
        below = below and len(row) == 1
        yield number, _cell(row, column, found.delimiter, below=below)


def _rows(text: Text, lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row; of a blank one there are none."""
    csv.field_size_limit(MAX_RECORD)  # notes, e-mails and web pages stand in other columns
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = text.number + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise text.error(f"is not CSV ({error})", number) from None
        if row is None:
            return
        yield number, row if any(cell.strip() for cell in row) else []


def _cell(row: list[str], column: Column, delimiter: str, *, below: bool) -> object:
    """What stands in the column. below: the row follows a blank one, and is one field wide."""
    if any(cell.strip() for cell in row[column.width :]):
        return Unusable(
            delimiter.join(row),
            f"is a row of {len(row)} fields, not {column.width}; a field with the delimiter in it "
            "must be quoted",
        )
    if below and column.width > 1:
        return Unusable(row[0], "is a lone field below an empty line, as remarks under a table are")
    return row[column.index] if column.index < len(row) else ""


def _given(sample: list[str]) -> str | None:
    """The delimiter that a first line for spreadsheets names: sep=;"""
    first = sample[0].rstrip("\r\n") if sample else ""
    return first[-1] if first.startswith(_GIVEN) and len(first) == len(_GIVEN) + 1 else None


def _hint_for(found: Found) -> str:
    return f" Read with {found.said_delimiter}; --format lines takes whole lines."
