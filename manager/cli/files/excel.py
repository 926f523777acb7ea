"""Excel, and what else spreadsheets write: the cells of one column of one sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO, Any

from manager.cli.files.extras import load
from manager.cli.files.header import Column, choose
from manager.cli.files.options import Found, Options
from manager.errors import InvalidRequestError

# Beyond any sheet; what unpacks to more is no spreadsheet.
MAX_UNPACKED = 2**30


def read(
    file: IO[bytes], options: Options, found: Found, name: str
) -> Iterator[tuple[int, object]]:
    """(row, cell) of each row that is not blank, as the spreadsheet numbers them."""
    calamine = load("python_calamine", "excel", name, "a spreadsheet")
    _check_size(file, name)
    try:
        with calamine.CalamineWorkbook.from_filelike(file) as book:
            sheet = _sheet(book, options, found, name)
            yield from _cells(sheet, options, found, name)
    except calamine.PasswordError:
        raise InvalidRequestError(
            f"{name} is protected by a password; save a copy without one. Nothing was done."
        ) from None
    except (calamine.CalamineError, calamine.ZipError, calamine.XmlError, OSError) as error:
        raise InvalidRequestError(
            f"{name} cannot be read as a spreadsheet: {error}; nothing was done."
        ) from None


def _sheet(book: Any, options: Options, found: Found, name: str) -> Any:
    names, wanted = book.sheet_names, options.sheet
    if wanted is None:
        visible = [it.name for it in book.sheets_metadata if str(it.visible).endswith("Visible")]
        wanted = next(iter(visible or names), None)
    elif wanted not in names and wanted.isdigit() and 0 < int(wanted) <= len(names):
        wanted = names[int(wanted) - 1]
    if wanted not in names:
        raise InvalidRequestError(
            f"{name} has no sheet {wanted!r}; it has: {', '.join(names) or 'none'}."
        )
    found.sheet = wanted
    return book.get_sheet_by_name(wanted)


def _cells(sheet: Any, options: Options, found: Found, name: str) -> Iterator[tuple[int, object]]:
    column: Column | None = None
    for number, row in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        if all(cell in ("", None) for cell in row):
            continue
        if column is None:
            column = choose(row, options, name, f"row {number}")
            found.header, found.column = column.name is not None, column.called
            if found.header:
                continue
        cell = row[column.index] if column.index < len(row) else ""
        yield number, _value(cell, options)


def _value(cell: object, options: Options) -> object:
    """A spreadsheet has no whole numbers, and nothing but an empty text where there is nothing."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}" if options.type in ("names", None) else cell
    return cell


def _check_size(file: IO[bytes], name: str) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(it.file_size for it in archive.infolist())
    except zipfile.BadZipFile:  # the old binary form
        size = 0
    file.seek(0)
    if size > MAX_UNPACKED:
        raise InvalidRequestError(
            f"{name} unpacks to {size:,} bytes, more than {MAX_UNPACKED:,}; save it as CSV."
        )
