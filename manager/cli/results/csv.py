"""Results as CSV (RFC 4180, with LF line ends) that a spreadsheet shows and does not execute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

from manager.client.follow import Row
from manager.client.table import Table
from manager.client.written import csv_lines

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Writer:
    """raw: cells as they are, formulas too. bom: a byte order mark, by which Excel knows UTF-8."""

    raw: bool = False
    bom: bool = False

    def __call__(self, table: Table, pages: Iterable[Sequence[Row]], file: IO[bytes]) -> None:
        """See `csv_lines`."""
        lines = csv_lines(table, pages, raw=self.raw)
        file.write((BOM.encode() if self.bom else b"") + next(lines))
        file.writelines(lines)
