"""Lines that carry what others have written: CSV that a spreadsheet shows and does not execute,
JSON that no reader takes for several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

# What begins a formula, and what full-width and small forms of it some spreadsheets take for it.
_BEGINS = "=+@＝＋－＠﹦﹢﹣﹫-"
_BLANK = r"[\s\u200b\u2060\ufeff]*"
_FORMULA = re.compile(rf"[\t\r\n]|{_BLANK}[{_BEGINS}]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Where a spreadsheet that splits cells at something else than commas would begin one.
_INNER = re.compile(rf'(?<=[;|\t\r\n])(?={_BLANK}"*{_BLANK}[{_BEGINS}])')
# Quoted is what must be, what any reader could take for the end of a cell or line, and white space
# at an end. (Python's own csv leaves a lone CR unquoted before 3.13.)
_QUOTED = re.compile(r'[",;|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]|^\s|\s$|^$')

# Most texts: none of the above can be in them, so nothing else needs to be looked at.
_HARMLESS = re.compile(r"\w(?:[\w ./:@%&()'=+-]*[\w./:@%&()'=+-])?")

# Line ends to Unicode, so to some readers, though not to JSON: NEL, and the two separators.
_LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
_ESCAPED = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}


def csv_line(cells: Iterable[str | int | None], *, raw: bool = False) -> bytes:
    """A row of CSV (RFC 4180, with an LF). raw: cells as they are, formulas too."""
    line = ",".join(_cell(it, raw) for it in cells) + "\n"
    return line.encode("utf-8", "backslashreplace")


def json_line(value: Any) -> bytes:
    """A value as a line of JSON; a lone surrogate becomes its escape."""
    return on_one_line(as_json(value) + b"\n")


def as_json(value: Any) -> bytes:
    """A value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def on_one_line(text: bytes) -> bytes:
    """JSON in UTF-8 that no reader takes for several lines."""
    if text.isascii():
        return text
    return _LINE_ENDS.sub(lambda match: _ESCAPED[match.group()], text)


def inert(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula."""
    text = _INNER.sub("'", text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _cell(value: str | int | None, raw: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if _HARMLESS.fullmatch(value):
        return value
    text = value if raw else inert(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
