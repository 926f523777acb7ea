"""Spans of time, as operators write them: 30s, 30min, 2h, 7d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta

_SPAN = re.compile(r"(\d{1,9})\s*(s|min|m|h|d|w)\Z")
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def read_span(text: str) -> timedelta | None:
    """The span that is written so, or the longest there is; None when it is none."""
    found = _SPAN.match(text)
    if found is None:
        return None
    try:
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    except OverflowError:
        return timedelta.max
