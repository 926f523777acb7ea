"""Finds out what a file is by looking at its beginning."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from manager.cli.files.header import is_header
from manager.cli.files.options import Format, Options
from manager.errors import InvalidRequestError

DELIMITERS = ",;\t|"
SAMPLED_ROWS = 500
# Of the rows, how many must agree on the number of columns for lines to be taken for a table.
AGREE, AGREE_ON_COMMAS = 0.5, 0.9

_ENDINGS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".tab": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
}
_PACKED = {".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz"}
_SHEETS = (b"xl/", b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
_FOREIGN = {
    b"%PDF": "a PDF; save its table as CSV or .xlsx",
    b"PK\x03\x04": "a zip archive; unpack it, and name the files that are in it",
    b"Rar!": "a RAR archive; unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"SQLite format 3": "an SQLite database; write its column as CSV",
    b"Obj\x01": "an Avro file; write it as Parquet",
    b"ORC": "an ORC file; write it as Parquet",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


def binary_format(head: bytes, name: str) -> Format | None:
    """What a file that is no text is. Raises InvalidRequestError when nothing can be done."""
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Format.EXCEL
    if head.startswith(b"PK\x03\x04") and any(it in head for it in _SHEETS):
        return Format.EXCEL
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise InvalidRequestError(f"{name} is {what}; nothing was done.")
    return None


def text_format(path: Path, sample: Sequence[str], options: Options, name: str) -> Format:
    """What a file of text is: by its ending, else by what is in it."""
    first = next((line.strip() for line in sample if line.strip()), "")
    if first[:15].lower().startswith(("<!doctype html", "<html", "<table", "<?xml")):
        raise InvalidRequestError(
            f"{name} is a web page or XML, whatever its name says; open it in a spreadsheet and "
            "save it as CSV or .xlsx. Nothing was done."
        )
    endings = [it.lower() for it in path.suffixes if it.lower() not in _PACKED]
    if endings and endings[-1] in _ENDINGS:
        return _ENDINGS[endings[-1]]
    if first.startswith(("{", '["', "[{")):
        return Format.JSONL
    asked = options.column is not None or options.delimiter is not None
    if asked or is_table(sample, options) or _is_quoted(sample):
        return Format.CSV
    return Format.LINES


def is_table(sample: Sequence[str], options: Options) -> bool:
    """Whether lines are rows of several columns. Names have commas: there it takes a header."""
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter)
        if not rows:
            continue
        [(width, agreeing)] = Counter(map(len, rows)).most_common(1)
        if width < 2:
            continue
        share = AGREE_ON_COMMAS if delimiter == "," else AGREE
        is_named = any(is_header(cell, "names") for cell in rows[0])
        if agreeing >= share * len(rows) and (
            delimiter != "," or options.type not in ("names", None) or is_named
        ):
            return True
    return False


def _is_quoted(sample: Sequence[str]) -> bool:
    """Whether lines are a table's only column, as its writer quotes it."""
    lines = [line.strip() for line in sample if line.strip()]
    quoted = sum(len(it) > 1 and it[0] == it[-1] == '"' for it in lines)
    return bool(lines) and quoted >= AGREE_ON_COMMAS * len(lines)


def delimiter_of(sample: Sequence[str], column: str | None) -> str:
    """What stands between the columns: under it most rows are as wide as the first; a comma when
    there is one column.
    """
    best, most = ",", (False, 0.0, 1)
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter)
        if not rows or len(rows[0]) < 2:
            continue
        header = [cell.strip() for cell in rows[0]]
        agreeing = sum(_width(row) == _width(header) for row in rows) / len(rows)
        score = (column in header, round(agreeing, 1), len(header))
        if score > most:
            best, most = delimiter, score
    return best


def _rows(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(sample[:SAMPLED_ROWS], delimiter=delimiter))
    except csv.Error:
        return []
    return [row for row in rows if any(cell.strip() for cell in row)]


def _width(row: Sequence[str]) -> int:
    """The number of columns, but for empty ones at the end."""
    width = len(row)
    while width and not row[width - 1].strip():
        width -= 1
    return width
