"""Which column is meant, and whether the first row names the columns or is data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from manager.cli.files.options import Options
from manager.errors import InvalidRequestError
from manager.identifiers import NORMALISERS, IdentifierType

SHOWN_COLUMNS = 20
# How columns of companies' names are called, in the languages of most spreadsheets.
_WORDS = (
    "name|names|company|companies|company name|company names|companyname|organization|"
    "organisation|organization name|organisation name|account|account name|business|"
    "business name|employer|firm|customer|customer name|client|client name|supplier|"
    "supplier name|vendor|vendor name|brand|legal name|trade name|firma|firmenname|"
    "unternehmen|unternehmensname|kunde|nom|société|entreprise|nom de l'entreprise|"
    "raison sociale|nombre|empresa|razón social|azienda|nome|ragione sociale|bedrijf|"
    "bedrijfsnaam|naam|会社名|企業名|社名|公司|公司名称|企业名称"
)
_HEADERS = frozenset(_WORDS.split("|"))


@dataclass(frozen=True, slots=True)
class Column:
    """Where the identifiers of a table stand. name: as the header has it, if there is one."""

    index: int
    width: int
    name: str | None

    @property
    def called(self) -> str | int:
        """Its name, or its number from 1."""
        return self.name or self.index + 1


def is_header(cell: str, identifier_type: IdentifierType | None) -> bool:
    """Whether the cell names a column; names can only be told by the words that people use."""
    if identifier_type is None:
        typed = (it for it in NORMALISERS if it != "names")
        return not any(is_identifier(cell, it) for it in typed) and is_header(cell, "names")
    if identifier_type == "names":
        return re.sub(r"[\s_.-]+", " ", cell).strip().casefold() in _HEADERS
    return not is_identifier(cell, identifier_type)


def is_identifier(cell: str, identifier_type: str) -> bool:
    """Whether it could be looked up."""
    try:
        NORMALISERS[identifier_type](cell)
    except ValueError:
        return False
    return True


def ask(cell: str, options: Options, name: str, place: str) -> InvalidRequestError:
    """Nobody can tell whether this is a header: to guess wrong would lose one, or buy a header."""
    what = (options.type or "identifiers").replace("_", " ")
    return InvalidRequestError(
        f"{name}: {place} may be a header, or one of the {what}: {cell[:80]!r}; say which it is: "
        "--header or --no-header. Nothing was done."
    )


def choose(
    first: Sequence[object], options: Options, name: str, place: str, hint: str = ""
) -> Column:
    """The column of a table that is meant, by its first row. hint: what else may be meant."""
    cells = ["" if it is None else str(it).strip().strip("\ufeff") for it in first]
    index = _index(cells, options, name, hint)
    named = cells[index] if _matches(cells, options.column) else None
    if named is None and _has_header(cells[index], options, name, place):
        named = cells[index]
    return Column(index, len(cells), named)


def index_of(names: Sequence[str], options: Options, name: str) -> Column:
    """The column of a table whose columns are always named."""
    index = _index(names, options, name)
    return Column(index, len(names), names[index])


def _index(cells: Sequence[str], options: Options, name: str, hint: str = "") -> int:
    shown = ", ".join(cells[:SHOWN_COLUMNS]) + (", …" if cells[SHOWN_COLUMNS:] else "")
    wanted = options.column
    if wanted is None:
        if len(cells) == 1:
            return 0
        raise InvalidRequestError(
            f"{name} has several columns; name one of them with --column: {shown}.{hint}"
        )
    matches = _matches(cells, wanted) if options.header is not False else []
    if len(matches) > 1:
        raise InvalidRequestError(
            f"{name} has {len(matches)} columns named {wanted!r}; number the one that is meant: "
            f"--column {matches[0] + 1}, say."
        )
    if matches:
        return matches[0]
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(cells):
        return int(wanted) - 1
    raise InvalidRequestError(f"{name} has no column {wanted!r}; it has: {shown}.{hint}")


def _matches(cells: Sequence[str], wanted: str | None) -> list[int]:
    exact = [place for place, cell in enumerate(cells) if cell == wanted]
    if exact or wanted is None:
        return exact
    folded = wanted.strip().casefold()
    return [place for place, cell in enumerate(cells) if cell.casefold() == folded]


def _has_header(cell: str, options: Options, name: str, place: str) -> bool:
    if options.header is not None:
        return options.header
    if not cell or is_header(cell, options.type):
        return True
    raise ask(cell, options, name, place)
