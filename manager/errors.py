"""The errors a caller or an operator can meet.

Each message says what happened, to which object, and what to do next. Errors of the
vendor's API are in `manager.vendor.errors`; they never leave the daemon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


class EnrichdError(Exception):
    """Base of all errors that this project raises on purpose."""


class ConfigurationError(EnrichdError):
    """A setting is missing or wrong; the message names it."""


class UnavailableError(EnrichdError):
    """Postgres, Redis or another part cannot be reached right now."""


class LockTimeoutError(UnavailableError):
    """Another transaction has held what the call needs for longer than `lock_timeout`."""


class NotFoundError(EnrichdError):
    """No such request or job in the ledger."""


class ConflictError(EnrichdError):
    """The call contradicts what the ledger holds, for example a reused idempotency key."""


class WaitTimeoutError(EnrichdError, TimeoutError):
    """The request had not finished when the time-out ran out; it goes on all the same."""


class InvalidRequestError(EnrichdError, ValueError):
    """An argument of an enqueue call is not acceptable; nothing was enqueued."""


@dataclass(frozen=True, slots=True)
class InvalidIdentifier:
    """One identifier that cannot be looked up.

    `position` counts from 0 in the caller's order; `value` is what the caller wrote.
    """

    position: int
    value: object
    reason: str

    def __str__(self) -> str:
        try:
            text = repr(self.value)
        except Exception:  # a number of more digits than Python writes; anybody's own class
            text = f"a value of type {type(self.value).__name__}"
        if len(text) > 80:
            text = f"{text[:60]}… ({len(text)} characters)"
        return f"position {self.position}: {text} {self.reason}"


class InvalidIdentifiersError(InvalidRequestError):
    """Some identifiers cannot be looked up; `invalid` lists every one, in order."""

    SHOWN = 20

    def __init__(self, identifier_type: str, invalid: Sequence[InvalidIdentifier]) -> None:
        self.identifier_type = identifier_type
        self.invalid = tuple(invalid)
        lines = [
            f"{len(self.invalid)} of the {identifier_type} cannot be looked up; "
            'nothing was enqueued. Correct them, or enqueue with on_invalid="skip".'
        ]
        lines += [f"  {bad}" for bad in self.invalid[: self.SHOWN]]
        if len(self.invalid) > self.SHOWN:
            lines.append(f"  … and {len(self.invalid) - self.SHOWN} more (see .invalid)")
        super().__init__("\n".join(lines))


def without_passwords(message: object) -> str:
    """The message on one line, with what may be a password in it left out."""
    text = " ".join(str(message).split()) or type(message).__name__
    text = re.sub(r"(\w://[^\s:/@]*):[^\s/]*@", r"\1:…@", text)
    text = re.sub(r"(?i)(\bpassword\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s&,;)]+)", r"\1…", text)
    return text.removesuffix(".")
