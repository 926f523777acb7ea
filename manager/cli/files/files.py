"""The identifiers of one file, or of several, iterated once; where each stands is remembered."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from manager.cli.files import csv, excel, jsonl, lines, parquet
from manager.cli.files.decode import Text
from manager.cli.files.extras import seekable
from manager.cli.files.options import Format, Found, Options
from manager.cli.files.sniff import binary_format, text_format
from manager.cli.files.unpack import BROKEN, unpack
from manager.errors import InvalidRequestError


class IdentifierFile:
    """The identifiers of a file."""

    def __init__(self, path: Path, options: Options) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self.found = Found()
        self._path = path
        self._options = options
        self._places = array("Q")

    def __iter__(self) -> Iterator[object]:
        try:
            with self._open() as file:
                for place, value in self._read(file):
                    self._places.append(place)
                    yield value
        except BROKEN as error:
            raise InvalidRequestError(
                f"{self.name} is broken or cut off, and cannot be unpacked: {error}; "
                "nothing was done."
            ) from None
        except OSError as error:
            what = error.strerror or str(error)
            raise InvalidRequestError(f"{self.name} cannot be read: {what}.") from None

    def __len__(self) -> int:
        """How many it has given."""
        return len(self._places)

    def number(self, position: int) -> int:
        """The line or row, from 1, of the identifier at that position of the file."""
        return self._places[position]

    def _read(self, file: IO[bytes]) -> Iterator[tuple[int, object]]:
        stream, self.found.compression = unpack(file, self.name)
        options, found = self._options, self.found
        found.format = options.format or binary_format(stream.head, self.name)
        if found.format in (Format.PARQUET, Format.EXCEL):
            reader = parquet.read if found.format is Format.PARQUET else excel.read
            with seekable(self._plain_path, stream) as whole:
                yield from reader(whole, options, found, self.name)
            return
        text = Text(stream, options.encoding, self.name)
        found.encoding = text.encoding
        if found.format is None:
            found.format = text_format(self._path, text.sample(), options, self.name)
        if found.format is Format.LINES:
            yield from lines.read(text, options)
        elif found.format is Format.CSV:
            yield from csv.read(text, options, found)
        else:
            yield from jsonl.read(text, options, found)

    @property
    def _plain_path(self) -> Path | None:
        """The path, if what stands there is what is to be read."""
        is_plain = self.found.compression is None and self._path.is_file()
        return self._path if is_plain else None

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if str(self._path) != "-":
            with self._path.open("rb") as file:
                yield file
        elif sys.stdin is None:
            raise InvalidRequestError("Standard input is closed; nothing was done.")
        else:
            yield sys.stdin.buffer


class IdentifierFiles:
    """The identifiers of several files, one after another."""

    def __init__(self, paths: Sequence[Path], options: Options) -> None:
        if [str(path) for path in paths].count("-") > 1:
            raise InvalidRequestError("Standard input, -, can be read only once.")
        self.files = [IdentifierFile(path, options) for path in paths]
        self._starts: list[int] = []

    @property
    def name(self) -> str:
        """What they are, for a message."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files"

    def __iter__(self) -> Iterator[object]:
        start = 0
        for file in self.files:
            self._starts.append(start)
            yield from file
            start += len(file)
        if not start:
            raise InvalidRequestError(f"{self.name} holds no identifiers; nothing was done.")

    def at(self, position: int) -> tuple[IdentifierFile, int]:
        """The file, and the line or row in it, of the identifier at this position."""
        place = bisect_right(self._starts, position) - 1
        file = self.files[place]
        return file, file.number(position - self._starts[place])

    def said(self, position: int) -> str:
        """Where that is, for a message."""
        file, number = self.at(position)
        where = f"{file.found.place} {number}"
        return where if len(self.files) == 1 else f"{file.name}: {where}"
