"""Results as JSON lines: an object for each identifier."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, Any

from manager.client.follow import Row
from manager.client.table import Table

# Line ends to Unicode, so to some readers, though not to JSON: NEL, and the two separators.
_LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
_ESCAPED = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}


def write(table: Table, pages: Iterable[Sequence[Row]], file: IO[bytes]) -> None:
    """One object a line. Records, and fields of them, are written as the ledger holds them: no
    number is rounded, and NaN or Infinity is none of JSON's.
    """
    columns, lines = table.lines(pages)
    names = [_json(name) + b": " for name in (*table.head, *columns)]
    for head, cells in lines:
        values = [*map(_json, head), *(cell or b"null" for cell in cells)]
        members = b", ".join(map(bytes.__add__, names, values))
        file.write(on_one_line(b"{" + members + b"}\n"))


def on_one_line(text: bytes) -> bytes:
    """JSON in UTF-8 that no reader takes for several lines."""
    if text.isascii():
        return text
    return _LINE_ENDS.sub(lambda match: _ESCAPED[match.group()], text)


def _json(value: Any) -> bytes:
    """What is not of a record; a lone surrogate becomes its escape."""
    if isinstance(value, datetime):
        value = value.isoformat()
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
