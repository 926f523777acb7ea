"""Reads identifiers from a file: plain lines, CSV or JSONL, streamed."""

from __future__ import annotations

import csv
import json
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

from manager.errors import InvalidRequestError

MAX_LINE = 65_536


class Format(StrEnum):
    """How a file holds its identifiers."""

    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"


class IdentifierFile:
    """The identifiers of a file, to be iterated once; remembers the line of each."""

    def __init__(self, path: Path, column: str | None, format: Format | None) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._path = path
        self._column = column
        self._format = format or _guess(path, column)
        self._lines = array("Q")

    def line(self, position: int) -> int:
        """The line, from 1, that the identifier at this position stands in."""
        return self._lines[position]

    def __iter__(self) -> Iterator[str | int]:
        read = {Format.LINES: self._plain, Format.CSV: self._csv, Format.JSONL: self._jsonl}
        with self._open() as file:
            yield from read[self._format](self._numbered(file))
        if not self._lines:
            raise InvalidRequestError(f"{self.name} holds no identifiers; nothing was enqueued.")

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if str(self._path) == "-":
            yield sys.stdin.buffer
            return
        try:
            file = self._path.open("rb")
        except OSError as error:
            raise InvalidRequestError(f"{self.name} cannot be read: {error.strerror}.") from None
        with file:
            yield file

    def _numbered(self, file: IO[bytes]) -> Iterator[tuple[int, str]]:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise self._error(number, f"is longer than {MAX_LINE:,} bytes")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._error(number, f"is not UTF-8 text ({error.reason})") from None
            yield number, text

    def _plain(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        for number, text in lines:
            if text.strip():
                self._lines.append(number)
                yield text.strip("\r\n")

    def _csv(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        reader = csv.reader((text for _, text in lines), strict=True)
        try:
            header = next(reader, [])
            index = self._index(header)
            for row in reader:
                if row:
                    self._lines.append(reader.line_num)
                    yield row[index] if index < len(row) else ""
        except csv.Error as error:
            raise self._error(reader.line_num, f"is not CSV ({error})") from None

    def _index(self, header: list[str]) -> int:
        if self._column is None and len(header) == 1:
            return 0
        if self._column in header:
            return header.index(self._column)
        wanted = f"no column {self._column!r}" if self._column else "several columns"
        raise InvalidRequestError(
            f"{self.name} has {wanted}; name one of them with --column: {', '.join(header)}."
        )

    def _jsonl(self, lines: Iterator[tuple[int, str]]) -> Iterator[str | int]:
        for number, text in lines:
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise self._error(number, f"is not JSON ({error})") from None
            if isinstance(value, dict):
                if self._column not in value:
                    raise self._error(
                        number, f"has no member {self._column!r}; name it with --column"
                    )
                value = value[self._column]
            if not isinstance(value, str | int):
                raise self._error(number, "holds neither a string nor an integer")
            self._lines.append(number)
            yield value

    def _error(self, line: int, what: str) -> InvalidRequestError:
        return InvalidRequestError(f"{self.name}: line {line} {what}; nothing was enqueued.")


def _guess(path: Path, column: str | None) -> Format:
    match path.suffix.lower():
        case ".csv":
            return Format.CSV
        case ".jsonl" | ".ndjson":
            return Format.JSONL
        case _:
            return Format.CSV if column else Format.LINES
