"""The vendor's ids of companies."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from manager.identifiers.text import text_of
from manager.identifiers.types import Identifier
from manager.identifiers.values import TOO_LARGE, is_missing, largest_exact, plain, refusal

MAX_ID = 2**63 - 1
# The longest text that is looked at for an id.
MAX_WRITTEN = 100
# A column of whole numbers with gaps is written with a point by frames and spreadsheets.
_DIGITS = re.compile(r"([0-9]{1,40})(?:\.0{1,20})?\Z")


def company_id(value: object) -> Identifier:
    """The id, as digits. Raises ValueError."""
    number = str(_number(value))
    return Identifier(number, number)


def _number(value: object) -> int:
    written = value
    if type(value) is not int and type(value) is not str:
        value = plain(value)
    if isinstance(value, str):
        digits = _DIGITS.match(text_of(value[:MAX_WRITTEN]))
        if not digits:
            raise ValueError("is not a positive integer")
        number = int(digits[1])
    elif isinstance(value, float | Decimal) and not is_missing(value):
        number = _whole(value, largest_exact(written))
    elif isinstance(value, bool) or not isinstance(value, int):
        raise refusal(value, "a positive integer")
    else:
        number = value
    if not 0 < number <= MAX_ID:
        raise ValueError(f"is not between 1 and {MAX_ID}")
    return number


def _whole(value: float | Decimal, exact: int) -> int:
    """The integer that it is; 0 for one that is far too large, or too small, for an id."""
    if not math.isfinite(value):
        raise ValueError("is not a positive integer")
    if isinstance(value, float) and value > exact:
        raise ValueError(TOO_LARGE)
    if not 0 < value <= MAX_ID:
        return 0
    if value != int(value):
        raise ValueError("is not a positive integer")
    return int(value)
