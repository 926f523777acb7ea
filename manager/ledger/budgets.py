"""Budgets: what may be spent in a day or a month, and how it stands.

The configuration says what they are; `keep` writes that into the ledger, where they bind whoever
enqueues, with whatever configuration of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.types.json import Jsonb

from manager.errors import ConfigurationError
from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("budgets")
CONFIGURED = Statements("configured")
Unit = Literal["credits", "records"]
UNITS: tuple[Unit, ...] = ("credits", "records")


def naming_budgets(statements: Statements) -> Statements:
    """The same statements, in which `waiting_for` is the budget that a request r waits for."""
    return statements.reading(SQL.of_request, instead_of="waiting_for")


@dataclass(frozen=True, slots=True)
class Price:
    """Credits that a record of the endpoint costs."""

    endpoint: str
    credits: Decimal


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """How a budget stands in its day or month, which began at `since` and turns at `until`.

    account, tag: of what it is; None: of any. credits, records: the caps; None: not capped.
    spent: what was bought; reserved: what is in jobs, at its most; waiting: what is in none yet.
    dearest: credits of the dearest record that waits; unpriced: an endpoint that waits, and has no
    price. blocked_until: nothing that waits may be bought until then, as the packer has found.
    """

    name: str
    account: str | None
    tag: str | None
    per: Literal["day", "month"]
    timezone: str
    hard: bool
    credits: Decimal | None
    records: int | None
    since: datetime
    until: datetime
    blocked_until: datetime | None
    reached_at: datetime | None
    spent_credits: Decimal
    spent_records: int
    reserved_credits: Decimal
    reserved_records: int
    waiting_credits: Decimal
    waiting_records: int
    dearest: Decimal | None
    unpriced: str | None

    def cap(self, unit: Unit) -> Decimal | None:
        """The most that may be spent; None when that is not capped."""
        cap = self.credits if unit == "credits" else self.records
        return None if cap is None else Decimal(cap)

    def spent(self, unit: Unit) -> Decimal:
        """What was bought."""
        return self.spent_credits if unit == "credits" else Decimal(self.spent_records)

    def reserved(self, unit: Unit) -> Decimal:
        """What is in jobs, at its most."""
        return self.reserved_credits if unit == "credits" else Decimal(self.reserved_records)

    def waiting(self, unit: Unit) -> Decimal:
        """What waits for a job, at its most."""
        return self.waiting_credits if unit == "credits" else Decimal(self.waiting_records)

    def left(self, unit: Unit) -> Decimal | None:
        """What may still be put into jobs; None when that is not capped."""
        cap = self.cap(unit)
        if cap is None:
            return None
        return max(cap - self.spent(unit) - self.reserved(unit), Decimal(0))

    @property
    def capped(self) -> Iterator[Unit]:
        """In what it is capped."""
        return (unit for unit in UNITS if self.cap(unit) is not None)

    def most(self, price: Decimal | None) -> int | None:
        """How many records at that price may still be put into jobs; None: any number.

        Without a price none that is capped in credits: what they cost could not be counted.
        """
        most: list[int] = []
        if (credits := self.left("credits")) is not None:
            if price is None:
                return 0
            if price:
                most.append(int(credits / price))
        if (records := self.left("records")) is not None:
            most.append(int(records))
        return min(most, default=None)

    def unasked(self, unit: Unit) -> Decimal | None:
        """What is left beside all that waits already; None when that is not capped."""
        left = self.left(unit)
        return None if left is None else max(left - self.waiting(unit), Decimal(0))

    @property
    def blocks(self) -> bool:
        """Whether something waits that may not be bought before the turn."""
        if not self.waiting_records:
            return False
        if self.credits is not None and self.unpriced:
            return True
        return self.most(self.dearest or Decimal(0)) == 0

    @property
    def turns(self) -> str:
        """When its day or month ends, by its own clock: `2026-11-27 00:00 UTC`."""
        zone: tzinfo
        try:
            zone, name = ZoneInfo(self.timezone), self.timezone
        except (KeyError, OSError):  # a caller's machine may not know what the daemon's knows
            zone, name = UTC, "UTC"
        return f"{self.until.astimezone(zone):%Y-%m-%d %H:%M} {name}"


def keep(connection: Connection[Any], settings: Settings) -> None:
    """Write prices and budgets into the ledger as the configuration has them.

    Raises ConfigurationError for a budget of an account that the ledger does not have, or in a time
    zone that Postgres does not know: nobody could enqueue or buy any more.
    """
    for account in settings.served:
        prices = {endpoint: str(credits) for endpoint, credits in account.prices.items()}
        execute(
            connection, CONFIGURED.keep_prices, {"account": account.name, "prices": Jsonb(prices)}
        )
    execute(connection, CONFIGURED.price_jobs)
    budgets = [it.model_dump(mode="json") | {"name": it.name} for it in settings.budgets]
    parameters = {"budgets": Jsonb(budgets), "timezone": settings.budget_timezone}
    if unknown := rows(connection, CONFIGURED.unknown_accounts, str, parameters):
        raise ConfigurationError(
            f"budgets name the account {', '.join(sorted(unknown))}, which the ledger does not "
            "have. Correct the name, or give it a table [accounts.NAME]."
        )
    if budgets and not one(connection, CONFIGURED.knows_timezone, bool, parameters):
        raise ConfigurationError(
            f"budget_timezone is {settings.budget_timezone!r}, which Postgres does not know. "
            "Take a name of pg_timezone_names, such as UTC or Europe/Berlin."
        )
    execute(connection, CONFIGURED.keep_budgets, parameters)


def asked(
    account: str | None = None,
    tag: str | None = None,
    *,
    any_tag: bool = False,
    only_hard: bool = False,
) -> dict[str, Any]:
    """The parameters of `standing`: of which budgets."""
    return {"account": account, "tag": tag, "any_tag": any_tag, "only_hard": only_hard}


def standing(connection: Connection[Any], account: str | None = None) -> list[BudgetStanding]:
    """How all budgets stand, or those that concern the account, of whatever tag."""
    return rows(connection, SQL.standing, BudgetStanding, asked(account, any_tag=True))


def fewest(budgets: Iterable[BudgetStanding], price: Decimal | None) -> int | None:
    """How many records at that price all of them allow; None: any number."""
    return min((most for it in budgets if (most := it.most(price)) is not None), default=None)
