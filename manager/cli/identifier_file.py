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
from manager.identifiers import IdentifierType, normalise

MAX_LINE = 65_536
SHOWN_COLUMNS = 20


class Format(StrEnum):
    """How a file holds its identifiers."""

    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"


class IdentifierFile:
    """The identifiers of a file, to be iterated once; remembers the line of each."""

    def __init__(
        self, path: Path, type: IdentifierType, column: str | None, format: Format | None
    ) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._path = path
        self._type = type
        self._column = column
        self._format = format or _guess(path, column)
        self._lines = array("Q")
        if column is not None and self._format is Format.LINES:
            raise InvalidRequestError("--column is for CSV and JSONL; plain lines have none.")

    def line(self, position: int) -> int:
        """The line, from 1, that the identifier at this position stands in."""
        return self._lines[position]

    def __iter__(self) -> Iterator[str | int]:
        read = {Format.LINES: self._plain, Format.CSV: self._csv, Format.JSONL: self._jsonl}
        try:
            with self._open() as file:
                yield from read[self._format](self._numbered(file))
        except OSError as error:
            raise InvalidRequestError(f"{self.name} cannot be read: {error.strerror}.") from None
        if not self._lines:
            raise InvalidRequestError(f"{self.name} holds no identifiers; nothing was enqueued.")

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if str(self._path) != "-":
            with self._path.open("rb") as file:
                yield file
        elif sys.stdin is None:
            raise InvalidRequestError("Standard input is closed; nothing was enqueued.")
        else:
            yield sys.stdin.buffer

    def _numbered(self, file: IO[bytes]) -> Iterator[tuple[int, str]]:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise self._error(number, f"is longer than {MAX_LINE:,} bytes")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                what = f"is not UTF-8 text (byte {error.start + 1}: {error.reason})"
                raise self._error(number, what) from None
            yield number, text

    def _plain(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        for number, text in lines:
            if text.strip():
                self._lines.append(number)
                yield text.strip("\r\n")

    def _csv(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        reader = csv.reader((text for _, text in lines), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not header:
                return
            index = self._index(header)
            for row in reader:
                if row:
                    self._lines.append(reader.line_num)
                    yield row[index] if index < len(row) else ""
        except csv.Error as error:
            raise self._error(reader.line_num, f"is not CSV ({error})") from None

    def _index(self, header: list[str]) -> int:
        """The place of the column; the first line is its header, never an identifier."""
        shown = ", ".join(header[:SHOWN_COLUMNS]) + (", …" if header[SHOWN_COLUMNS:] else "")
        if self._column is None and len(header) == 1:
            if self._is_identifier(header[0]):
                what = (
                    f"must be the header of the CSV, not {header[0][:80]!r}; or use --format lines"
                )
                raise self._error(1, what)
            return 0
        if self._column is None:
            raise InvalidRequestError(
                f"{self.name} has several columns; name one of them with --column: {shown}."
            )
        match header.count(self._column):
            case 1:
                return header.index(self._column)
            case 0:
                raise InvalidRequestError(
                    f"{self.name} has no column {self._column!r}; it has: {shown}."
                )
            case times:
                raise InvalidRequestError(
                    f"{self.name} has {times} columns named {self._column!r}; rename the others."
                )

    def _is_identifier(self, text: str) -> bool:
        if self._type == "names":  # any text may be one
            return False
        try:
            normalise(self._type, text)
        except ValueError:
            return False
        return True

    def _jsonl(self, lines: Iterator[tuple[int, str]]) -> Iterator[str | int]:
        for number, text in lines:
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise self._error(number, f"is not JSON ({error})") from None
            if isinstance(value, dict):
                value = self._member(number, value)
            if not isinstance(value, str | int):
                raise self._error(number, "holds neither a string nor an integer")
            self._lines.append(number)
            yield value

    def _member(self, number: int, item: dict[str, object]) -> object:
        if self._column is None:
            raise self._error(number, "is an object; name its member with --column")
        if self._column not in item:
            raise self._error(number, f"has no member {self._column!r}")
        return item[self._column]

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
