"""Envelope: one line of a results file, and the record in it as Postgres can store it.

Only the envelope is decoded; the record stays the bytes that the vendor wrote.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from manager.errors import EnrichdError

# What jsonb's numbers take: digits before the point, and after it (Postgres: numeric).
MAX_WHOLE_DIGITS = 131_072
MAX_FRACTION_DIGITS = 16_383
# Far beyond any record, far below what breaks Postgres's or Python's parsers.
MAX_DEPTH = 200

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class BadEnvelope(EnrichdError):
    """A line that is no envelope, or whose record cannot be stored; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Envelope(msgspec.Struct, frozen=True):
    """One line: `original_identifier` is what was submitted, `data` the record [seed]."""

    original_identifier: str
    internal_id: int | None
    data: msgspec.Raw


class _Line(msgspec.Struct):
    original_identifier: str | _Int64
    data: msgspec.Raw
    internal_id: _Int64 | None = None


_decoder = msgspec.json.Decoder(_Line)


def decode(line: bytes) -> Envelope:
    r"""The envelope in a line; the record is checked for syntax, and that it is an object.

    An identifier given as a number becomes its digits; half of a surrogate pair becomes U+FFFD,
    wherever it is. Raises BadEnvelope.
    """
    try:
        text = line.decode()  # msgspec looks at the bytes inside of a record's strings no further
    except UnicodeDecodeError as error:
        raise BadEnvelope(f"it is not UTF-8 at byte {error.start}") from None
    try:
        found = _decoder.decode(line)
    except (ValueError, RecursionError) as error:
        mended = _ESCAPE.sub(_acceptable, text) if "\\u" in text else text
        if mended == text:
            raise BadEnvelope(str(error)) from None
        return decode(mended.encode())
    if bytes(memoryview(found.data)[:1]) != b"{":
        raise BadEnvelope("data is not an object")
    identifier = str(found.original_identifier)
    # NUL is no text for Postgres; what has one is not an identifier of ours anyway.
    return Envelope(identifier.replace("\0", "\ufffd"), found.internal_id, found.data)


def storable(record: bytes) -> str:
    r"""The record as text that jsonb accepts, which is the same text but for two escapes.

    `\u0000` and halves of surrogate pairs, which jsonb refuses, become U+FFFD.
    record: valid JSON, as `decode` gives it. Raises BadEnvelope when it is nested deeper than
    200 levels, or has a number that Postgres's numeric cannot hold.
    """
    if record.count(b"{") + record.count(b"[") > MAX_DEPTH and _is_too_deep(record):
        raise BadEnvelope(f"the record is nested deeper than {MAX_DEPTH} levels")
    if _may_overflow(record) and (number := _overflowing(record)):
        raise BadEnvelope(f"the record has a number that Postgres cannot hold: {number}…")
    text = record.decode()
    return _ESCAPE.sub(_acceptable, text) if "\\u" in text else text


# Every escape is matched, so that the u of an escaped backslash's "\\u0000" is none.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    r"|(u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})"  # NUL, half of a pair
    r"|.)"
)


def _acceptable(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[1] else escape[0]


def _without_strings(record: bytes) -> bytes:
    """What of the record is not in quotes."""
    return b"".join(record.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _is_too_deep(record: bytes) -> bool:
    """Whether brackets are left when as many levels have been taken off, from inside."""
    brackets = _without_strings(record).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


# Digits as 0, E as e, no signs: then two searches find any number that could be too large. They
# are far faster than a regular expression, and what they find is looked at closely.
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE_EXPONENT, _LONG_NUMBER = b"e0000", b"0" * 4096
_NUMBER = re.compile(rb"(\d+)(?:\.(\d+))?(?:[eE]\+?(-?)0*(\d+))?")


def _may_overflow(record: bytes) -> bool:
    shape = record.translate(_SHAPE, b"+-")
    return _LARGE_EXPONENT in shape or _LONG_NUMBER in shape


def _overflowing(record: bytes) -> str | None:
    """The beginning of the first number that numeric cannot hold; a little too careful."""
    for number in _NUMBER.finditer(_without_strings(record)):
        whole, fraction, minus, digits = number.groups(b"")
        exponent = int(digits[:9] or b"0") * (-1 if minus else 1)
        if (
            len(whole) + exponent > MAX_WHOLE_DIGITS
            or len(fraction) - exponent > MAX_FRACTION_DIGITS
        ):
            return number[0][:40].decode()
    return None
