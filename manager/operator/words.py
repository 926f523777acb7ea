"""Words: numbers, times and waits as an operator reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(count: float, one: str, several: str = "") -> str:
    """A number and what it counts: 1 record, 2,000 records."""
    number = f"{count:,.0f}"
    return f"{number} {one if number == '1' else several or f'{one}s'}"


def size(count: float) -> str:
    """Bytes, in a unit that makes a short number of them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds, in a unit that makes a short number of them."""
    if seconds < 0.001:
        return "less than 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def short(text: str, most: int = 240) -> str:
    """Others' words, cut where they are long: an object's own page has all of them."""
    return text if len(text) <= most else f"{text[:most].rstrip()}…"


def age(since: datetime) -> str:
    """How long ago that was, in one unit."""
    return brief(max(0.0, (datetime.now(UTC) - since).total_seconds()))


def brief(seconds: float) -> str:
    """Seconds, as a table has room for them."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def waits(what: str) -> str:
    """What is waited for, as one says it; the gate's own words say it already."""
    return what if what.startswith("waits for ") else f"waits for {what}"
