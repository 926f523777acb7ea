"""The errors a caller or an operator can meet.

Each message says what happened, to which object, and what to do next. Errors of the
vendor's API are in `manager.vendor.errors`; they never leave the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class EnrichdError(Exception):
    """Base of all errors that this project raises on purpose."""


class ConfigurationError(EnrichdError):
    """A setting is missing or wrong; the message names it."""


class NoInstallationError(ConfigurationError):
    """The data directory holds no installation, and nothing else says where Postgres is."""


class UnavailableError(EnrichdError):
    """Postgres, Redis or another part cannot be reached right now."""


class NotRunningError(UnavailableError):
    """The servers of an installation were not started, or were stopped."""


class LockTimeoutError(UnavailableError):
    """Another transaction has held what the call needs for longer than `lock_timeout`."""


class NotFoundError(EnrichdError):
    """No such request or job in the ledger."""


class ConflictError(EnrichdError):
    """The call contradicts what the ledger holds, for example a reused idempotency key."""


class BudgetError(EnrichdError):
    """The call would pass a hard budget; nothing was enqueued.

    budget: its name. unit: "credits" or "records", in which are: cap, `spent` (bought since the day
    or month began), `reserved` (in jobs, at its most), `waiting` (in none yet), and `asked`, the
    most that this call would buy. until: when the budget turns. What it leaves is `left`.
    """

    def __init__(
        self,
        budget: str,
        *,
        unit: str,
        cap: Decimal,
        spent: Decimal,
        reserved: Decimal,
        waiting: Decimal,
        asked: Decimal,
        until: datetime,
        turns: str,
        unpriced: str | None = None,
    ) -> None:
        self.budget, self.unit, self.cap, self.spent = budget, unit, cap, spent
        self.reserved, self.waiting, self.asked, self.until = reserved, waiting, asked, until
        self.unpriced = unpriced
        if unpriced:
            super().__init__(
                f"The budget {budget!r} is in credits, and {unpriced} has no price; nothing was "
                f"enqueued. Set the price of {unpriced} where the daemon is configured."
            )
            return
        super().__init__(
            f"The budget {budget!r} would be passed; nothing was enqueued. Of {amount(cap)} "
            f"{unit}, {amount(spent)} are spent, {amount(reserved)} reserved by jobs and "
            f"{amount(waiting)} by what waits, which leaves {amount(self.left)}; this call may "
            f"cost {amount(asked)}. Enqueue less, wait until it turns at {turns}, or raise it."
        )

    @property
    def left(self) -> Decimal:
        """What the budget leaves."""
        return max(self.cap - self.spent - self.reserved - self.waiting, Decimal(0))


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
        return f"position {self.position}: {quoted(self.value)} {self.reason}"


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


def amount(number: Decimal | float) -> str:
    """Credits or records as one reads them: `1,234.5`."""
    exact = Decimal(number).quantize(Decimal("0.000001"))
    return f"{exact.normalize():,f}"


def quoted(value: object) -> str:
    """What a caller has handed over, as a message names it: no longer than a line."""
    try:
        text = repr(value)
    except Exception:  # a number of more digits than Python writes; anybody's own class
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text):,} characters)"
