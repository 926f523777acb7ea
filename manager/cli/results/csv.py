"""Results as CSV (RFC 4180, with LF line ends) that a spreadsheet shows and does not execute."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import msgspec

from manager.client.follow import Row
from manager.client.table import Table

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What begins a formula, and what full-width and small forms of it some spreadsheets take for it.
_BEGINS = "=+@＝＋－＠﹦﹢﹣﹫-"
_BLANK = r"[\s\u200b\u2060\ufeff]*"
_FORMULA = re.compile(rf"[\t\r\n]|{_BLANK}[{_BEGINS}]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Where a spreadsheet that splits cells at something else than commas would begin one.
_INNER = re.compile(rf'(?<=[;|\t\r\n])(?={_BLANK}"*{_BLANK}[{_BEGINS}])')
# Quoted is what must be, what any reader could take for the end of a cell or line, and white space
# at an end. (Python's own csv leaves a lone CR unquoted before 3.13.)
_QUOTED = re.compile(r'[",;|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]|^\s|\s$|^$')

# Most texts: none of the above can be in them, so nothing else needs to be looked at.
_HARMLESS = re.compile(r"\w(?:[\w ./:@%&()'=+-]*[\w./:@%&()'=+-])?")


@dataclass(frozen=True, slots=True)
class Writer:
    """raw: cells as they are, formulas too. bom: a byte order mark, by which Excel knows UTF-8."""

    raw: bool = False
    bom: bool = False

    def __call__(self, table: Table, pages: Iterable[Sequence[Row]], file: IO[bytes]) -> None:
        """A header and one row an identifier. What is missing is an empty cell, an empty text "";
        lists and truth values are JSON.
        """
        columns, lines = table.lines(pages)
        file.write((BOM if self.bom else "").encode() + self._row([*table.head, *columns]))
        for head, cells in lines:
            file.write(self._row([*map(_plain, head), *map(_value, cells)]))

    def _row(self, cells: Iterable[str | int | None]) -> bytes:
        line = ",".join(map(self._cell, cells)) + "\n"
        return line.encode("utf-8", "backslashreplace")

    def _cell(self, value: str | int | None) -> str:
        if value is None:
            return ""
        if isinstance(value, int):
            return str(value)
        if _HARMLESS.fullmatch(value):
            return value
        text = value if self.raw else inert(value)
        return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def inert(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula."""
    text = _INNER.sub("'", text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _plain(value: str | int | datetime | None) -> str | int | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(cell: bytes | None) -> str | None:
    """A text without JSON's quotes; of the rest its JSON."""
    if cell is None or cell == b"null":
        return None
    return msgspec.json.decode(cell, type=str) if cell.startswith(b'"') else cell.decode()
