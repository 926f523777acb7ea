"""What a caller may say in an enqueue call besides the identifiers; each refusal names it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from psycopg.types.json import Json

from manager.errors import InvalidRequestError, quoted
from manager.identifiers import IDENTIFIER_TYPES
from manager.ledger.states import Outcome
from manager.settings import Settings, load_settings
from manager.settings.prices import TAG_LENGTH, is_tag

OUTCOMES = (*map(str, Outcome), "waiting")
Wanted: TypeAlias = str | Iterable[str] | None
"""Outcomes that are asked for: one of OUTCOMES, or several; None: all."""

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
        raise InvalidRequestError(f"fields must be a list of dotted paths, not {quoted(fields)}.")
    for path in fields:
        if not _FIELD.match(path) or len(path) > 200:
            raise InvalidRequestError(
                f"fields: {quoted(path)} is not a dotted path such as 'headcount.total'."
            )
    return sorted(set(fields))


def check_type(identifier_type: object) -> None:
    """Raise InvalidRequestError for what is no type of identifier."""
    if identifier_type not in IDENTIFIER_TYPES:
        raise InvalidRequestError(
            f"identifier_type: {quoted(identifier_type)} is not one of "
            f"{', '.join(IDENTIFIER_TYPES)}."
        )


def check_on_invalid(on_invalid: object) -> None:
    """Raise InvalidRequestError unless it says what to do with bad identifiers."""
    if on_invalid not in ("raise", "skip"):
        raise InvalidRequestError(
            f"on_invalid: {quoted(on_invalid)} is neither 'raise' nor 'skip'."
        )


def checked_outcomes(outcome: Wanted) -> list[str] | None:
    """Those that are wanted, None for all. Raises InvalidRequestError."""
    if outcome is None:
        return None
    words = [outcome] if isinstance(outcome, str) else outcome
    if not isinstance(words, Iterable) or not (found := [*words]):
        raise InvalidRequestError(f"outcome: {outcome!r} names none of {', '.join(OUTCOMES)}.")
    for word in found:
        if word not in OUTCOMES:
            raise InvalidRequestError(
                f"outcome: {str(word)[:80]!r} is not one of {', '.join(OUTCOMES)}."
            )
    return [str(word) for word in found]


def checked_linger(linger: object) -> bool:
    """Whether it may linger. Raises InvalidRequestError for what does not say so."""
    if not isinstance(linger, bool):
        raise InvalidRequestError(
            f"linger: {linger!r} is neither True (wait for others, to fill a job) nor False (pack "
            "it at once)."
        )
    return linger


def checked_priority(priority: object) -> int:
    """The priority, when it is one. Raises InvalidRequestError."""
    if not isinstance(priority, int) or isinstance(priority, bool) or priority not in PRIORITIES:
        raise InvalidRequestError(
            f"priority: {quoted(priority)} is not an integer from {PRIORITIES[0]} to "
            f"{PRIORITIES[-1]}."
        )
    return priority


def freshness(max_age: timedelta | float | None, settings: Settings) -> timedelta:
    """The time span; the configured one when none is given. Raises InvalidRequestError."""
    return settings.freshness if max_age is None else time_span(max_age)


def time_span(max_age: timedelta | float) -> timedelta:
    """The time span that is meant. Raises InvalidRequestError."""
    try:
        if isinstance(max_age, bool):
            raise TypeError
        age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError(
            f"max_age: {quoted(max_age)} is not a time span: seconds, or a timedelta."
        ) from None
    if not timedelta(0) <= age <= timedelta(days=MAX_AGE_DAYS):
        raise InvalidRequestError(
            f"max_age: {age.total_seconds():,.15g} s is not between 0 and {MAX_AGE_DAYS:,} days."
        )
    return age


def checked_settings(settings: object, overrides: Mapping[str, Any]) -> Settings:
    """The settings; read with these overrides when none are given. Raises InvalidRequestError for
    what is none (it may be a URL with a password, so it is not quoted), ConfigurationError.
    """
    if settings is None:
        return load_settings(**overrides)
    if isinstance(settings, Settings):
        return settings
    raise InvalidRequestError(
        f"settings: that is of type {type(settings).__name__}. Pass a Settings, or settings by "
        "their names, such as database_url=…"
    )


def checked_timeout(timeout: object) -> float | None:
    """The seconds to wait; None without end. Raises InvalidRequestError."""
    if timeout is None:
        return None
    try:
        if isinstance(timeout, bool | str | bytes):
            raise TypeError
        seconds = float(timeout)  # type: ignore[arg-type]
        if seconds >= 0:
            return seconds
    except (TypeError, ValueError, OverflowError):
        pass
    raise InvalidRequestError(
        f"timeout: {quoted(timeout)} is not a number of seconds, from 0 on; None waits without end."
    )


def checked_account(account: object) -> str | None:
    """An account's name, when it can be one. Raises InvalidRequestError."""
    if account is None or (isinstance(account, str) and account and account.isprintable()):
        return account
    raise InvalidRequestError(f"account: {quoted(account)} is not the name of an account.")


def checked_key(key: object) -> str | None:
    """The key, when it can be one. Raises InvalidRequestError."""
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= 255 or not key.isprintable():
        raise InvalidRequestError(
            f"idempotency_key: {quoted(key)} is not a string of 1 to 255 printable characters."
        )
    return key


def checked_tag(tag: object) -> str | None:
    """The tag, when it can be one. Raises InvalidRequestError."""
    if tag is None or is_tag(tag):
        return tag  # type: ignore[return-value]
    raise InvalidRequestError(
        f"tag: {quoted(tag)} is not a string of 1 to {TAG_LENGTH} printable characters."
    )


def as_json(metadata: Mapping[str, Any] | None) -> Json | None:
    """The metadata as JSON that Postgres takes. Raises InvalidRequestError."""
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise InvalidRequestError(f"metadata: {quoted(metadata)} is not a mapping.")
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"metadata cannot be written as JSON: {error}.") from None
    if _NUL.search(text):
        raise InvalidRequestError("metadata contains the character U+0000, which Postgres refuses.")
    return Json(metadata, dumps=lambda _: text)
