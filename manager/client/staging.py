"""What a caller hands over, on its way into the ledger: normalised; bad ones are remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from manager.client.columns import check_column, values_of
from manager.errors import InvalidIdentifier
from manager.identifiers import NORMALISERS, TOO_LARGE, IdentifierType, largest_exact, plain


@dataclass(frozen=True, slots=True)
class Unusable:
    """What stands in the place of an identifier that could not be read; the reason says why."""

    value: object
    reason: str


@dataclass(slots=True)
class Staging:
    """Normalises the caller's values on their way into COPY, and remembers the bad ones."""

    identifier_type: IdentifierType
    values: Iterable[object]
    content: Any
    total: int = 0
    invalid: list[InvalidIdentifier] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, str, str, str]]:
        """Position, key, submitted form and the value as written, of each good one."""
        normalise = NORMALISERS[self.identifier_type]
        for position, value in enumerate(exact(values_of(self.values), self.values)):
            if isinstance(value, Unusable):
                self._leave_out(position, value.value, value.reason)
                continue
            try:
                key, identifier = normalise(value)
            except ValueError as error:
                self._leave_out(position, value, str(error))
                continue
            written = _written(value, identifier)
            self.content.update(written.encode() + b"\0")
            self.total += 1
            yield position, key, identifier, written

    def _leave_out(self, position: int, value: object, reason: str) -> None:
        self.invalid.append(InvalidIdentifier(position, value, reason))
        self.content.update(b"\0")


def exact(values: Iterable[object], column: object) -> Iterator[object]:
    """The column's values; in place of what a float of 16 or 32 bits has rounded an Unusable."""
    largest = largest_exact(column)
    if largest == largest_exact(None):
        return iter(values)
    return (
        Unusable(it, TOO_LARGE) if isinstance(it, float) and it > largest else it for it in values
    )


def _written(value: object, identifier: str) -> str:
    """As the caller wrote it; a whole number, however its column holds it, in digits."""
    if type(value) is not str:
        value = plain(value)
    return str(value) if isinstance(value, str | int) else identifier


def check_identifiers(identifier_type: str, identifiers: object) -> None:
    """Raise InvalidRequestError for what cannot be a collection of identifiers."""
    check_column(identifier_type, identifiers)
