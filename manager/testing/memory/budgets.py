"""budgets.sql"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from manager.settings.prices import Budget
from manager.testing.memory.statements import Parameters, Statements


class Budgets(Statements):
    """Prices and budgets, as the settings say. There are no jobs here: nothing is reserved."""

    def prices(self, p: Parameters) -> list[Any]:
        endpoints = {it.endpoint for it in self.ledger.lanes}
        found = {it: self.ledger.price(p["account"], it) for it in endpoints}
        return [
            {"endpoint": it, "credits": price} for it, price in found.items() if price is not None
        ]

    def standing(self, p: Parameters) -> list[Any]:
        return [
            self._stands(it)
            for it in sorted(self.ledger.settings.budgets, key=lambda it: it.name)
            if None in (p["account"], it.account) or it.account == p["account"]
            if p["any_tag"] or it.tag in (None, p["tag"])
            if it.hard or not p["only_hard"]
        ]

    def _stands(self, it: Budget) -> dict[str, Any]:
        zone = self.ledger.settings.budget_timezone
        since, until = _period(it.per, self.ledger.now().astimezone(ZoneInfo(zone)))
        bought = [
            one.credits
            for one in self.ledger.purchases
            if one.at >= since and it.account in (None, one.account) and it.tag in (None, one.tag)
        ]
        waiting = [
            self.ledger.price(one.lane.account, one.lane.endpoint)
            for one in self.ledger.waiting()
            if it.account in (None, one.lane.account) and it.tag in (None, one.tag)
        ]
        given = it.model_dump(include={"account", "tag", "per", "credits", "records", "hard"})
        return given | {
            "name": it.name,
            "timezone": zone,
            "since": since,
            "until": until,
            "blocked_until": None,
            "reached_at": None,
            "spent_credits": sum(bought, Decimal(0)),
            "spent_records": len(bought),
            "reserved_credits": Decimal(0),
            "reserved_records": 0,
            "waiting_credits": _sum(waiting),
            "waiting_records": len(waiting),
            "dearest": max((price for price in waiting if price is not None), default=None),
            "unpriced": None,
        }


def _sum(prices: Iterable[Decimal | None]) -> Decimal:
    return sum((it for it in prices if it is not None), Decimal(0))


def _period(per: str, now: datetime) -> tuple[datetime, datetime]:
    """Its beginning and its end."""
    since = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        return since, since + timedelta(days=1)
    since = since.replace(day=1)
    return since, (since + timedelta(days=32)).replace(day=1)
