"""Results as a Parquet file, a row group after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from manager.client.follow import Row
from manager.client.frames import Batches, installed
from manager.client.table import Table

# The most of a row group: what is read at once by whoever reads the file.
ROWS = 100_000
BYTES = 32 * 2**20


def write(table: Table, pages: Iterable[Sequence[Row]], file: IO[bytes]) -> None:
    """The columns have the types that the Python API gives them."""
    parquet = installed("pyarrow.parquet", "arrow")
    writer = None
    for group in _groups(Batches(table), pages):
        if writer is None:
            writer = parquet.ParquetWriter(_Onward(file), group.schema, compression="zstd")
        writer.write_table(group)
    assert writer is not None
    writer.close()


def _groups(batches: Batches, pages: Iterable[Sequence[Row]]) -> Iterator[Any]:
    arrow = installed("pyarrow", "arrow")
    waiting: list[Any] = []
    for batch in _all(batches, pages):
        waiting.append(batch)
        full = sum(len(it) for it in waiting) >= ROWS or sum(it.nbytes for it in waiting) >= BYTES
        if full:
            yield arrow.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield arrow.Table.from_batches(waiting)


def _all(batches: Batches, pages: Iterable[Sequence[Row]]) -> Iterator[Any]:
    for page in pages:
        yield from batches.add(page)
    yield from batches.rest()


class _Onward:
    """A file that is only written onward, so that it may be a pipe."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._place = 0

    def write(self, content: bytes) -> int:
        self._place += self._file.write(content)
        return len(content)

    def tell(self) -> int:
        return self._place

    def flush(self) -> None:
        self._file.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Whoever has opened the file closes it."""
