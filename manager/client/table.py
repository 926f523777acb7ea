"""The results of a request as a table: its columns, and the cells of each row.

The columns are the same in every format: what is known of each identifier, then its record: whole,
as JSON text; or the fields that were chosen; or flattened, a column for each path that any record
has. The first two stream; for the last all rows wait in a spool until the paths are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from manager.client import paths
from manager.client.follow import Row
from manager.client.spool import Spool
from manager.endpoints import ENDPOINTS
from manager.errors import InvalidRequestError

RECORD = "record"
MAX_COLUMNS = 10_000
# Records that are looked at for the name that a misspelt field may have.
_SAMPLE = 200


class Head(NamedTuple):
    """What is known of an identifier beside its record."""

    identifier: str
    outcome: str | None
    vendor_id: int | None
    reason: str | None
    fetched_at: datetime | None
    position: int


Cells: TypeAlias = list[bytes | None]
"""Of each column behind the head the JSON text, or None where there is nothing."""

Line: TypeAlias = tuple[Head, Cells]


class Table:
    """A table of results; `fields` chooses columns, `flatten` spreads what is in them.

    Raises InvalidRequestError for what is no field path.
    """

    def __init__(self, endpoint: str, *, flatten: bool, fields: Sequence[str] | None) -> None:
        bought = ENDPOINTS.get(endpoint)
        vendor_id = f"{bought.entity}_id" if bought else "vendor_id"
        self.head = ("identifier", "outcome", vendor_id, "reason", "fetched_at", "position")
        self.flatten = flatten
        self.fields = paths.canonical(fields or ())
        self._places = [paths.names(field) for field in self.fields]
        self._unseen = set(self.fields)
        self._wanted: dict[str, bool] = {}
        self._sample: list[bytes] = []

    @property
    def whole(self) -> bool:
        """Whether the record is one column."""
        return not self.flatten and not self.fields

    @property
    def columns(self) -> list[str]:
        """The columns behind the head, of a table that is not flattened."""
        return [RECORD] if self.whole else [self.name(field) for field in self.fields]

    def name(self, path: str) -> str:
        """The column of a path; what would take the name of one in the head is `record.NAME`."""
        if not path:  # a record that is no object
            return RECORD
        taken = path in self.head or path == RECORD or path.startswith(f"{RECORD}.")
        return f"{RECORD}.{path}" if taken else path

    def line(self, row: Row) -> Line:
        """The row of a table that is not flattened."""
        record = None if row.record is None else row.record.encode()
        if self.whole:
            return head(row), [record]
        if record is None:
            return head(row), [None] * len(self.fields)
        cells = paths.values(record, self._places)
        if self._unseen:
            self._look(record)
            self._unseen.difference_update(
                field for field, cell in zip(self.fields, cells, strict=True) if cell is not None
            )
        return head(row), cells

    def leaves(self, row: Row) -> Iterator[tuple[str, bytes]]:
        """Path and value of each cell of a row in a flattened table."""
        if row.record is None:
            return
        record = row.record.encode()
        if self._unseen:
            self._look(record)
        for path, value in paths.leaves(record):
            if self._is_wanted(path):
                yield path, value

    def new_spool(self) -> Spool:
        """A spool for rows of this table."""
        return Spool(() if self.flatten else self.fields)

    def spool(
        self, spool: Spool, rows: Iterable[Row], see: Callable[[int, bytes], None] | None = None
    ) -> None:
        """Add rows to a spool; `see` is told each value, with the number of its column.

        Raises InvalidRequestError for more columns than a table may have.
        """
        for row in rows:
            if self.flatten:
                cells = {spool.number(path): value for path, value in self.leaves(row)}
            else:
                _, values = self.line(row)
                cells = {number: it for number, it in enumerate(values) if it is not None}
            if len(spool.paths) > MAX_COLUMNS:
                raise self._too_many(spool.paths)
            spool.write(head(row), cells)
            if see is not None:
                for number, value in cells.items():
                    see(number, value)

    def lines(self, pages: Iterable[Sequence[Row]]) -> tuple[list[str], Iterator[Line]]:
        """The names of the columns behind the head, and the lines.

        They stream; those of a flattened table are all read before the first.
        """
        if not self.flatten:
            return self.columns, (self.line(row) for page in pages for row in page)
        spool = self.new_spool()
        for page in pages:
            self.spool(spool, page)
        order = sorted(spool.paths)
        lines = ((Head(*values), cells) for values, cells in spool.read(order))
        return [self.name(path) for path in order], lines

    def remarks(self) -> list[str]:
        """A sentence for each field that no record has had."""
        known = {
            group
            for record in self._sample
            for path, _ in paths.leaves(record)
            if 0 < len(path) <= paths.MAX_PATH
            for group in paths.groups_of(path)
        }
        return [_remark(field, known) for field in self.fields if field in self._unseen]

    def _look(self, record: bytes) -> None:
        if len(self._sample) < _SAMPLE and len(record) < 2**16:
            self._sample.append(record)

    def _is_wanted(self, path: str) -> bool:
        if not self.fields:
            return True
        if path not in self._wanted:
            groups = [field for field in self.fields if paths.is_below(path, field)]
            self._unseen.difference_update(groups)
            self._wanted[path] = bool(groups)
        return self._wanted[path]

    def _too_many(self, found: Sequence[str]) -> InvalidRequestError:
        widest: dict[str, int] = {}
        for path in found:
            group = path.rpartition(".")[0]
            widest[group] = widest.get(group, 0) + 1
        group = max(widest, key=lambda it: widest[it])
        return InvalidRequestError(
            f"The records have more than {MAX_COLUMNS:,} field paths, "
            f"{widest[group]:,} of them directly in {group or 'the record'!r}: too many columns. "
            "Choose some with fields, or leave the record as one column."
        )


def head(row: Row) -> Head:
    """The head's cells; times are UTC."""
    at = row.fetched_at and row.fetched_at.astimezone(UTC)
    return Head(row.identifier, row.outcome, row.vendor_id, row.reason, at, row.position)


def _remark(field: str, known: set[str]) -> str:
    said = f"fields: no record has {field!r}; its column is empty."
    above = [group for group in paths.groups_of(field) if group in known and group != field]
    if (near := paths.nearest(field, known)) is not None:
        return f"{said} Did you mean {near!r}?"
    return f"{said} {above[-1]!r} is in some, without it." if above else said
