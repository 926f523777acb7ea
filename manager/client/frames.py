"""Results as Arrow record batches, and as the frames of pandas and polars that are made of them.

Nothing of these is imported before it is asked for; each is an extra of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from manager.client.follow import Row
from manager.client.kinds import Kind
from manager.client.table import Cells, Head, Line, Table
from manager.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

# The most of a batch: rows, bytes of records, and cells.
ROWS = 10_000
BYTES = 16 * 2**20
CELLS = 1_000_000


class Batches:
    """Makes record batches of pages; of a table of one column a record as they come, of fields
    when all are in, since only then their types are known.

    There is one batch at least, so that the schema is known of no rows, too.
    """

    def __init__(self, table: Table) -> None:
        self._arrow = installed("pyarrow", "arrow")
        self.table = table
        self._lines: list[Line] = []
        self._bytes = 0
        self._made = 0
        self._spool = None if table.whole else table.new_spool()
        self._kinds: list[Kind] = []

    def add(self, page: Sequence[Row]) -> Iterator[pyarrow.RecordBatch]:
        """Take a page in; the batches that are full by now."""
        if self._spool is not None:
            self.table.spool(self._spool, page, self._see)
            return
        for row in page:
            self._lines.append(self.table.line(row))
            self._bytes += len(row.record or "")
            if len(self._lines) >= ROWS or self._bytes >= BYTES:
                yield self._batch([self._text("record")], [None])

    def rest(self) -> Iterator[pyarrow.RecordBatch]:
        """The batches of what is left."""
        if self._spool is None:
            if self._lines or not self._made:
                yield self._batch([self._text("record")], [None])
            return
        order = sorted(self._spool.paths) if self.table.flatten else self.table.fields
        numbers = {path: number for number, path in enumerate(self._spool.paths)}
        kinds = [self._kind(numbers.get(path)) for path in order]
        fields = [
            self._arrow.field(self.table.name(path), self._type(kind))
            for path, kind in zip(order, kinds, strict=True)
        ]
        rows = max(1, min(ROWS, CELLS // (len(order) + 1)))
        for values, cells in self._spool.read(order):
            self._lines.append((Head(*values), cells))
            self._bytes += sum(map(len, filter(None, cells)))
            if len(self._lines) >= rows or self._bytes >= BYTES:
                yield self._batch(fields, kinds)
        if self._lines or not self._made:
            yield self._batch(fields, kinds)

    def _see(self, number: int, value: bytes) -> None:
        while len(self._kinds) <= number:
            self._kinds.append(Kind())
        self._kinds[number].see(value)

    def _kind(self, number: int | None) -> Kind:
        return self._kinds[number] if number is not None and number < len(self._kinds) else Kind()

    def _type(self, kind: Kind) -> Any:
        arrow = self._arrow
        types = {
            str: arrow.string(),
            bool: arrow.bool_(),
            int: arrow.int64(),
            float: arrow.float64(),
        }
        if kind.item is not None:
            return arrow.list_(types[kind.item])
        if kind.is_json:
            return arrow.string()
        return arrow.null() if kind.scalar is None else types[kind.scalar]

    def _text(self, name: str) -> Any:
        return self._arrow.field(name, self._arrow.string())

    def _batch(self, fields: Sequence[Any], kinds: Sequence[Kind | None]) -> pyarrow.RecordBatch:
        arrow = self._arrow
        heads, rows = [head for head, _ in self._lines], [cells for _, cells in self._lines]
        known = [
            arrow.field(name, type)
            for name, type in zip(self.table.head, self._head_types(), strict=True)
        ]
        columns = [
            arrow.array([head[number] for head in heads], field.type)
            for number, field in enumerate(known)
        ]
        for number, (field, kind) in enumerate(zip(fields, kinds, strict=True)):
            columns.append(arrow.array(_values(rows, number, kind), field.type))
        self._lines = []
        self._bytes = 0
        self._made += 1
        return arrow.record_batch(columns, schema=arrow.schema([*known, *fields]))

    def _head_types(self) -> list[Any]:
        arrow = self._arrow
        text, number = arrow.string(), arrow.int64()
        return [text, text, number, text, arrow.timestamp("us", "UTC"), number]


def _values(rows: Sequence[Cells], number: int, kind: Kind | None) -> Iterator[Any]:
    """One column's values; those of a kind are read, the others stay text."""
    for cells in rows:
        cell = cells[number]
        if cell is None:
            yield None
        else:
            yield cell.decode() if kind is None else kind.value(cell)


def to_table(batches: Sequence[pyarrow.RecordBatch]) -> pyarrow.Table:
    """One Arrow table."""
    return installed("pyarrow", "arrow").Table.from_batches(batches)


def to_pandas(batches: Sequence[pyarrow.RecordBatch]) -> pandas.DataFrame:
    """A pandas frame; integers and truth values stay what they are beside missing ones."""
    given = installed("pandas", "pandas")
    types = {"int64": given.Int64Dtype(), "bool": given.BooleanDtype()}
    table = to_table(batches)
    frame: pandas.DataFrame = table.to_pandas(types_mapper=lambda it: types.get(str(it)))
    return frame


def to_polars(batches: Sequence[pyarrow.RecordBatch]) -> polars.DataFrame:
    """A polars frame."""
    frame: polars.DataFrame = installed("polars", "polars").from_arrow(to_table(batches))
    return frame


def installed(module: str, extra: str) -> Any:
    """The module that an extra brings. Raises ConfigurationError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{module.split('.')[0]} is not installed ({error}). "
            f'Install it: python -m pip install "enrichment-manager[{extra}]"'
        ) from None
