"""Budgets as an operator sees them: how they stand, and where they are going."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import Connection

from manager.errors import amount
from manager.ledger.budgets import BudgetStanding, Unit, standing
from manager.ledger.connect import Ledger
from manager.ledger.execute import one, rows
from manager.operator.problems import Problem, warning
from manager.operator.stats import SQL
from manager.settings import Settings

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a budget has spent in the last day."""

    name: str
    credits: Decimal
    records: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Credits that an account has spent."""

    today: Decimal
    month: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a budget stands in one of its units, and where it is going at the last day's pace.

    expected: what will have been spent when it turns. reached_at: when the cap will be reached;
    None: not before it turns, or it is already.
    """

    unit: Unit
    cap: Decimal
    spent: Decimal
    reserved: Decimal
    waiting: Decimal
    left: Decimal
    expected: Decimal
    reached_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A budget, in each unit that it caps."""

    standing: BudgetStanding
    forecasts: tuple[Forecast, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        it = self.standing
        return {
            "budget": it.name,
            "account": it.account,
            "tag": it.tag,
            "per": it.per,
            "hard": it.hard,
            "since": it.since,
            "until": it.until,
            "timezone": it.timezone,
            "blocked": it.blocks,
            "caps": [asdict(forecast) for forecast in self.forecasts],
        }


def listed(settings: Settings, account: str | None = None) -> list[Listed]:
    """All budgets, or those that concern the account."""
    with Ledger(settings, "cli").connect() as connection:
        return read(connection, account)


def read(connection: Connection[Any], account: str | None = None) -> list[Listed]:
    """The same on a connection."""
    paces = {it.name: it for it in rows(connection, SQL.pace, Pace, {})}
    now = datetime.now(UTC)
    return [
        Listed(it, tuple(_forecast(it, unit, paces[it.name], now) for unit in it.capped))
        for it in standing(connection, account)
    ]


def spent(connection: Connection[Any], settings: Settings, account_id: int) -> Spent:
    """What the account has spent, as it is counted here."""
    parameters = {"timezone": settings.budget_timezone, "account_id": account_id}
    return one(connection, SQL.spent, Spent, parameters)


def problems(connection: Connection[Any], account: str | None = None) -> Iterator[Problem]:
    """Each budget that keeps something waiting, and endpoints whose cost cannot be counted."""
    for it in standing(connection, account):
        if not it.blocks:
            continue
        if it.credits is not None and it.unpriced:
            text = f"{it.unpriced} has no price, and the budget {it.name} is in credits"
            yield warning("price-missing", text, f"Set the price of {it.unpriced}.", it.account)
            continue
        used = ", ".join(
            f"{amount(it.spent(unit) + it.reserved(unit))} of {amount(it.cap(unit) or 0)} {unit}"
            for unit in it.capped
        )
        text = (
            f"{it.waiting_records:,} identifiers wait for the budget {it.name} until {it.turns}: "
            f"{used} are spent or reserved"
        )
        sooner = ", or as soon as jobs have cost less than is reserved for them"
        way_out = (
            f"They go on by themselves then{sooner if any(map(it.reserved, it.capped)) else ''}. "
            "To go on now raise it in the configuration, then `enrichd db upgrade`."
        )
        yield warning("budget-reached", text, way_out, it.account)


def _forecast(it: BudgetStanding, unit: Unit, pace: Pace, now: datetime) -> Forecast:
    cap = it.cap(unit) or Decimal(0)
    a_day = pace.credits if unit == "credits" else Decimal(pace.records)
    rest = Decimal(max((it.until - now) / DAY, 0))
    left = cap - it.spent(unit)
    reached = None
    if a_day and 0 < left < a_day * rest:
        reached = now + DAY * float(left / a_day)
    return Forecast(
        unit,
        cap,
        it.spent(unit),
        it.reserved(unit),
        it.waiting(unit),
        it.left(unit) or Decimal(0),
        (it.spent(unit) + a_day * rest).quantize(Decimal("0.01")),
        reached,
    )
