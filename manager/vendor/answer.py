"""Answer: what the vendor's answer means, judged by the status first and the body last."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time
from typing import Any, NamedTuple

import msgspec

from manager.redact import redact
from manager.vendor import errors
from manager.vendor.calls import Route
from manager.vendor.times import read_time

# A vendor that asks for more has its units wrong; the next 429 will tell.
MAX_WAIT = 3600.0
_EPOCH = 1e9  # a "number of seconds to wait" above this is a point in time
_MAX_FIELDS = 5_000

# 408 and 499 are also said by gateways that had passed the call on and grew tired of waiting.
_UNCLEAR = frozenset({408, 499})
_REFUSALS: dict[int, type[errors.Refused]] = {
    401: errors.Unauthorized,
    402: errors.NoCredits,
    403: errors.Forbidden,
    413: errors.TooLarge,
}
_SAYS_CAP = re.compile(
    r"concurren|active[\w ]{0,30}jobs?\b|jobs?\b[\w ]{0,30}\bactive"
    r"|pending (or|and) processing|jobs? (already )?(running|in progress)",
    re.IGNORECASE,
)
_SAYS_RATE = re.compile(
    r"rate.?limit|(calls|requests) (per|an?|every) |per[ _-](second|minute|hour)|throttl",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """An HTTP answer, its body read as far as it came.

    broken: why the body is not all there; None when it is.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it is a 2xx that came whole; the code for success is not documented."""
        return 200 <= self.status < 300 and self.broken is None


class Budget(NamedTuple):
    """What an answer's headers say of the rate limit [docs]; None is what they do not say.

    limit, remaining: calls. reset: seconds until the oldest call leaves the sliding window.
    """

    limit: int | None
    remaining: int | None
    reset: float | None


def budget(headers: Mapping[str, str]) -> Budget:
    """The `x-ratelimit-*` headers."""
    limit = _number(headers.get("x-ratelimit-limit"))
    remaining = _number(headers.get("x-ratelimit-remaining"))
    return Budget(
        None if limit is None else int(limit),
        None if remaining is None else int(remaining),
        _seconds(_number(headers.get("x-ratelimit-reset"))),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `Retry-After` has them: a number, or an HTTP date. Not documented."""
    value = headers.get("retry-after")
    if value is None:
        return None
    if (number := _number(value)) is not None:
        return _seconds(number)
    date = read_time(value)
    return None if date is None else _bounded((date - datetime.now(UTC)).total_seconds())


def error_of(
    answer: Answer, call: str, route: Route, secrets: tuple[str, ...]
) -> errors.VendorError:
    """The error that an answer other than a good 2xx stands for.

    call: what was asked, for the message. secrets: never shown, whatever
    the body says.
    """
    content = _decoded(answer.body)
    status, wait = answer.status, retry_after(answer.headers)
    text = redact(answer.broken or _text(content, answer.body), secrets)
    message = f"The vendor answered {status} to {call}" + (f": {text}" if text else ".")
    if not 400 <= status < 500 or status in _UNCLEAR:
        return errors.Unclear(message, status=status, retry_after=wait)
    if status in (400, 422):
        fields = _available_fields(content)
        return errors.BadRequest(message, status=status, retry_after=wait, available_fields=fields)
    if status == 404 and route == "status":
        return errors.UnknownJob(message, status=status, retry_after=wait)
    if status == 429:
        return _too_many(answer, route, message, _text(content, answer.body), wait)
    return _REFUSALS.get(status, errors.Refused)(message, status=status, retry_after=wait)


def _too_many(
    answer: Answer, route: Route, message: str, text: str, wait: float | None
) -> errors.TooManyRequests:
    """The cap or the rate? How they differ is not documented; the clearest sign wins."""
    remaining, reset = budget(answer.headers)[1:]
    limited = errors.RateLimited(
        message,
        wait=next((it for it in (wait, reset) if it is not None), errors.RateLimited.DEFAULT_WAIT),
        status=429,
        retry_after=wait,
    )
    cap, rate = bool(_SAYS_CAP.search(text)), bool(_SAYS_RATE.search(text))
    if route != "submit":  # only a submission can meet the cap
        return limited
    if cap and not rate:
        return errors.CapReached(message, status=429, retry_after=wait)
    if remaining and not rate:
        return errors.CapReached(message, status=429, retry_after=wait)
    if remaining == 0 or wait is not None or (rate and not cap and not remaining):
        return limited
    return errors.TooManyRequests(message, status=429, retry_after=wait)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def _error(content: Any) -> Any:
    return content.get("error") if isinstance(content, dict) else None


def _text(content: Any, body: bytes) -> str:
    """`error.type: error.message` [docs], or the body as it is: it may be anything."""
    error = _error(content)
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        kind = error.get("type")
        return f"{kind}: {error['message']}" if isinstance(kind, str) else error["message"]
    return body.decode(errors="replace")


def _available_fields(content: Any) -> tuple[str, ...] | None:
    error = _error(content)
    metadata = error.get("metadata") if isinstance(error, dict) else None
    fields = metadata.get("available_fields") if isinstance(metadata, dict) else None
    if not isinstance(fields, list):
        return None
    return tuple(field for field in fields if isinstance(field, str))[:_MAX_FIELDS] or None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) and number >= 0 else None


def _seconds(number: float | None) -> float | None:
    if number is None:
        return None
    return _bounded(number - time() if number > _EPOCH else number)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_WAIT)
