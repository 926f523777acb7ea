"""Times as the vendor may write them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Others are no times: some write none as 0, or as the year 1.
_YEARS = range(2000, 3000)
# As seconds the year 5138, as milliseconds 1973.
_MOST_SECONDS = 1e11


def read_time(value: object) -> datetime | None:
    """The point in time, aware; None when it is not one.

    value: an ISO 8601 text (UTC when it names no offset), an HTTP date, or seconds,
    milliseconds, micro- or nanoseconds since 1970, also as text.
    """
    if isinstance(value, bool):
        return None
    try:
        time = _of_text(value) if isinstance(value, str) else _of_number(float(value))  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    time = time.astimezone(UTC)  # Postgres does not know every offset that Python does
    return time if time.year in _YEARS else None


def _of_text(value: str) -> datetime:
    text = value.strip()
    if len(text) > 8:  # eight digits are a date
        try:
            return _of_number(float(text))
        except ValueError:
            pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _of_number(number: float) -> datetime:
    for _ in range(3):
        if number > _MOST_SECONDS:
            number /= 1000
    return datetime.fromtimestamp(number, UTC)
