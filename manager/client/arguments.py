"""What a caller may say in an enqueue call besides the identifiers; each refusal names it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg.types.json import Json

from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES
from manager.settings import Settings

PRIORITIES = range(-100, 101)
MAX_AGE_DAYS = 36_500
_FIELD = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z")
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")


def field_selection(fields: Sequence[str]) -> list[str]:
    """The sorted set of dotted field paths. Raises InvalidRequestError."""
    if (
        isinstance(fields, str)
        or not isinstance(fields, Iterable)
        or not all(isinstance(path, str) for path in fields)
    ):
        raise InvalidRequestError(f"fields must be a list of dotted paths, not {fields!r}.")
    for path in fields:
        if not _FIELD.match(path) or len(path) > 200:
            raise InvalidRequestError(
                f"fields: {path[:200]!r} is not a dotted path such as 'headcount.total'."
            )
    return sorted(set(fields))


def check_type(identifier_type: object) -> None:
    """Raise InvalidRequestError for what is no type of identifier."""
    if identifier_type not in IDENTIFIER_TYPES:
        raise InvalidRequestError(
            f"identifier_type: {identifier_type!r} is not one of {', '.join(IDENTIFIER_TYPES)}."
        )


def check_on_invalid(on_invalid: object) -> None:
    """Raise InvalidRequestError unless it says what to do with bad identifiers."""
    if on_invalid not in ("raise", "skip"):
        raise InvalidRequestError(f"on_invalid: {on_invalid!r} is neither 'raise' nor 'skip'.")


def checked_priority(priority: object) -> int:
    """The priority, when it is one. Raises InvalidRequestError."""
    if not isinstance(priority, int) or isinstance(priority, bool) or priority not in PRIORITIES:
        raise InvalidRequestError(
            f"priority: {priority!r} is not an integer from {PRIORITIES[0]} to {PRIORITIES[-1]}."
        )
    return priority


def freshness(max_age: timedelta | float | None, settings: Settings) -> timedelta:
    """The time span; the configured one when none is given. Raises InvalidRequestError."""
    return settings.freshness if max_age is None else time_span(max_age)


def time_span(max_age: timedelta | float) -> timedelta:
    """The time span that is meant. Raises InvalidRequestError."""
    try:
        age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError(f"max_age: {max_age!r} is not a time span.") from None
    if not timedelta(0) <= age <= timedelta(days=MAX_AGE_DAYS):
        raise InvalidRequestError(f"max_age: {age} is not between 0 and {MAX_AGE_DAYS:,} days.")
    return age


def checked_key(key: object) -> str | None:
    """The key, when it can be one. Raises InvalidRequestError."""
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= 255 or not key.isprintable():
        raise InvalidRequestError(
            f"idempotency_key: {key!r} is not a string of 1 to 255 printable characters."
        )
    return key


def as_json(metadata: Mapping[str, Any] | None) -> Json | None:
    """The metadata as JSON that Postgres takes. Raises InvalidRequestError."""
    if metadata is None:
        return None
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"metadata cannot be written as JSON: {error}.") from None
    if _NUL.search(text):
        raise InvalidRequestError("metadata contains the character U+0000, which Postgres refuses.")
    return Json(metadata, dumps=lambda _: text)
