"""Values as frames, arrays and drivers hold them, made plain Python; none of them is imported."""

from __future__ import annotations

import math
import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

MISSING = "is missing"
# pandas' NA and NaT, numpy's masked: each the only one of its class.
_NOTHING = {"NAType", "NaTType", "MaskedConstant"}
# As the libraries call the types of floats of 16 and of 32 bits.
_NARROW = re.compile(r"\b(?:(float16|halffloat)|float32|float)\b")
TOO_LARGE = "is a float too large to be exact; pass ids as integers or strings"


def largest_exact(it: Any) -> int:
    """Above it what holds the value, a column or a scalar, has no integer that is surely exact."""
    kind = getattr(it, "dtype", None)
    narrow = _NARROW.search(str(getattr(it, "type", "") if kind is None else kind).lower())
    return 2**53 if narrow is None else 2**11 if narrow[1] else 2**24


def plain(value: Any) -> Any:
    """The plain Python value of a scalar of numpy or Arrow, or of a row of one value."""
    if hasattr(value, "as_py"):  # Arrow
        return value.as_py()
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        return value if type(value).__name__ in _NOTHING else value.item()  # numpy
    if isinstance(value, str | bytes | bytearray | dict | set) or not hasattr(value, "__getitem__"):
        return value
    try:
        return plain(value[0]) if len(value) == 1 else value
    except (KeyError, IndexError, TypeError):
        return value


def is_missing(value: Any) -> bool:
    """Whether it stands for no value: None, not a number, not a time, NA, masked."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return type(value).__name__ in _NOTHING


def refusal(value: Any, wanted: str) -> ValueError:
    """Why the value cannot be what is wanted of it: it is of another kind."""
    if is_missing(value):
        return ValueError(MISSING)
    if isinstance(value, date | time | timedelta):
        return ValueError(f"must be {wanted}, not a date or time")
    if isinstance(value, bytes | bytearray):
        return ValueError(f"must be {wanted}, not {type(value).__name__}; decode it first")
    if isinstance(value, dict):
        return ValueError(f"must be {wanted}, not a mapping; pass one of its values")
    if isinstance(value, list | tuple) or (
        hasattr(value, "__getitem__") and hasattr(value, "__len__")
    ):
        return ValueError(f"must be {wanted}, not a row of {len(value)} values; pass one of them")
    return ValueError(f"must be {wanted}, not {type(value).__name__}")
