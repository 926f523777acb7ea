"""Which type holds all values of a column, found by looking at each; JSON text where none does.

A type is taken only when it loses nothing: an integer beyond 64 bits, a number with more digits
than a float has, or values of several types make the column one of JSON text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, auto
from math import inf
from typing import Any

import msgspec

# Digits that a float surely keeps, and characters of a number that has no more.
_DIGITS, _SHORT = 17, 18
_EXACT = 2**53
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class Seen(IntFlag):
    """What the values of a column were; null is nothing."""

    TEXT = auto()
    BOOL = auto()
    INTEGER = auto()
    LONG = auto()  # of 64 bits, but no float has it
    FLOAT = auto()
    NUMBER = auto()  # neither has it
    LIST = auto()
    OBJECT = auto()


NOTHING = Seen(0)

_FITS: dict[Seen, type[Any] | None] = {
    NOTHING: None,
    Seen.TEXT: str,
    Seen.BOOL: bool,
    Seen.INTEGER: int,
    Seen.LONG: int,
    Seen.INTEGER | Seen.LONG: int,
    Seen.FLOAT: float,
    Seen.INTEGER | Seen.FLOAT: float,
}


@dataclass(slots=True)
class Kind:
    """What a column's values were so far, and the items of those that are lists."""

    seen: Seen = NOTHING
    items: Seen = NOTHING

    def see(self, value: bytes) -> None:
        """Look at one more value, the text of its JSON."""
        what = _seen(value)
        self.seen |= what
        if what == Seen.LIST and not self.items & (Seen.LIST | Seen.OBJECT):
            for item in _ITEMS.decode(value):
                self.items |= _seen(bytes(item))

    @property
    def is_json(self) -> bool:
        """Whether its values stay JSON text."""
        return self.seen not in _FITS and self.item is None

    @property
    def scalar(self) -> type[Any] | None:
        """The type of all values that are not null; None where there are none, or of JSON text."""
        return _FITS.get(self.seen)

    @property
    def item(self) -> type[Any] | None:
        """The type of the items, where all values are lists of one."""
        return _FITS.get(self.items) if self.seen == Seen.LIST else None

    def value(self, text: bytes) -> Any:
        """One value of the column as its type has it."""
        if text == b"null":
            return None
        if self.is_json:
            return text.decode()
        found = msgspec.json.decode(text)
        return float(found) if self.scalar is float else found


def _seen(value: bytes) -> Seen:
    match value[:1]:
        case b'"':
            return Seen.TEXT
        case b"n":
            return NOTHING
        case b"t" | b"f":
            return Seen.BOOL
        case b"[":
            return Seen.LIST
        case b"{":
            return Seen.OBJECT
        case _:
            return _number(value)


def _number(value: bytes) -> Seen:
    if value.lstrip(b"-").isdigit():
        if len(value) > 20 or not -(2**63) <= (number := int(value)) < 2**63:
            return Seen.NUMBER
        return Seen.INTEGER if abs(number) <= _EXACT else Seen.LONG
    if len(value) <= _SHORT:
        return Seen.FLOAT
    digits = value.lstrip(b"-0.").replace(b".", b"").rstrip(b"0")
    kept = len(digits) <= _DIGITS and 1e-300 < abs(float(value)) < inf
    return Seen.FLOAT if kept else Seen.NUMBER
