"""Parquet: the values of one column, by row groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from manager.cli.files.extras import load
from manager.cli.files.header import index_of
from manager.cli.files.options import Found, Options
from manager.client.staging import exact
from manager.errors import InvalidRequestError

BATCH = 8_192


def read(
    file: IO[bytes], options: Options, found: Found, name: str
) -> Iterator[tuple[int, object]]:
    """(row, value) of each row, from 1."""
    pyarrow = load("pyarrow", "arrow", name, "a Parquet file")
    parquet = load("pyarrow.parquet", "arrow", name, "a Parquet file")
    try:
        table = parquet.ParquetFile(file)
        column = index_of(table.schema_arrow.names, options, name)
        found.column = column.called
        number = 0
        for batch in table.iter_batches(batch_size=BATCH, columns=[column.name]):
            cells = batch.column(column.name)
            for value in exact(cells.to_pylist(), cells):
                number += 1
                yield number, _text(value)
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidRequestError(
            f"{name} cannot be read as Parquet: {first}; nothing was done."
        ) from None


def _text(value: object) -> object:
    """Older writers do not say that what they write is text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value
