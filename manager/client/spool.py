"""Rows that wait in a temporary file until all columns are known."""

from __future__ import annotations

import errno
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import IO, Any

import msgspec

from manager.errors import UnavailableError

_Head = tuple[str, str | None, int | None, str | None, datetime | None, int]
_DECODER = msgspec.json.Decoder(tuple[_Head, dict[int, msgspec.Raw]])
_ENCODER = msgspec.json.Encoder()


class Spool:
    """Rows of a table whose columns come up one after the other; read back when all are in.

    The file is in the system's directory for temporary files (TMPDIR), and goes with the object.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """With these columns, which come first."""
        with _said_where():
            self._file = tempfile.TemporaryFile(prefix="enrichd-")  # noqa: SIM115
        weakref.finalize(self, _close, self._file)
        self._numbers: dict[str, int] = {path: number for number, path in enumerate(paths)}
        self.rows = 0

    @property
    def paths(self) -> list[str]:
        """The paths in the order of their numbers."""
        return list(self._numbers)

    def number(self, path: str) -> int:
        """The number of a path's column, a new one for a new path."""
        return self._numbers.setdefault(path, len(self._numbers))

    def write(self, head: Sequence[Any], cells: Mapping[int, bytes]) -> None:
        """Add a row. Raises UnavailableError when there is no room for it."""
        line = (head, {number: msgspec.Raw(value) for number, value in cells.items()})
        with _said_where():
            self._file.write(_ENCODER.encode(line) + b"\n")
        self.rows += 1

    def read(self, order: Sequence[str]) -> Iterator[tuple[_Head, list[bytes | None]]]:
        """Every row with its cells in the order of these paths."""
        with _said_where():
            self._file.seek(0)
        places = {self._numbers[path]: place for place, path in enumerate(order)}
        for line in self._file:
            head, found = _DECODER.decode(line)
            cells: list[bytes | None] = [None] * len(order)
            for number, value in found.items():
                cells[places[number]] = bytes(value)
            yield head, cells


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # there was no room for what was left to be written
        file.close()


@contextmanager
def _said_where() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = " Set TMPDIR to a directory with more room." if error.errno == errno.ENOSPC else ""
        raise UnavailableError(
            f"The temporary files in {tempfile.gettempdir()} cannot be written: "
            f"{error.strerror}.{hint}"
        ) from None
