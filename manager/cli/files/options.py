"""How a file is to be read: what its reader is told, and what it has found out."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import StrEnum

from manager.errors import InvalidRequestError
from manager.identifiers import IdentifierType

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}
_SAID = {"\t": "tab", " ": "space", ",": "comma", ";": "semicolon", "|": "pipe"}


class Format(StrEnum):
    """How a file holds its identifiers."""

    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    EXCEL = "excel"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user says of the files; what is None is found out.

    type: None: they may be of any. column: a column's name, or its number from 1; a member of JSON
    objects. header: whether the first line names the columns.
    """

    type: IdentifierType | None
    column: str | None = None
    format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        """Raise InvalidRequestError for what cannot be meant."""
        if self.delimiter is not None:
            given = _DELIMITERS.get(self.delimiter.lower(), self.delimiter)
            if len(given) != 1 or given in '\r\n"':
                raise InvalidRequestError(
                    f"--delimiter: {self.delimiter!r} is not one character, such as ; or tab."
                )
            object.__setattr__(self, "delimiter", given)
        if self.encoding is not None and not _is_text(self.encoding):
            raise InvalidRequestError(
                f"--encoding: {self.encoding!r} is not an encoding of text that is known; "
                "examples: latin-1, cp1252, utf-16, shift_jis."
            )
        if self.column is not None and self.format is Format.LINES:
            raise InvalidRequestError(
                "--column is for CSV and JSONL, Parquet and Excel; plain lines have none."
            )


@dataclass(slots=True)
class Found:
    """What was found out of a file, to be said."""

    format: Format | None = None
    compression: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header: bool | None = None
    column: str | int | None = None

    @property
    def place(self) -> str:
        """What its identifiers stand in."""
        return "row" if self.format in (Format.PARQUET, Format.EXCEL) else "line"

    @property
    def said_delimiter(self) -> str:
        """What stands between its columns."""
        return f"delimiter {_SAID.get(self.delimiter or '', self.delimiter)}"

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to be said: lines of UTF-8."""
        return self.format is Format.LINES and not self.compression and self.encoding == "UTF-8"

    def __str__(self) -> str:
        """Say it."""
        said = [
            f"read as {self.format.value if self.format else 'nothing'}",
            self.compression,
            self.encoding,
            self.delimiter and self.said_delimiter,
            self.sheet and f"sheet {self.sheet!r}",
            {True: "with a header", False: "without a header", None: None}[self.header],
            f"column {self.column!r}" if self.column else None,
        ]
        return ", ".join(filter(None, said))


def _is_text(encoding: str) -> bool:
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError):
        return False
    return getattr(found, "_is_text_encoding", True)
