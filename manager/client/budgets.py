"""Budgets as a caller meets them: what a call would cost, and whether a hard one refuses it."""

from __future__ import annotations

from decimal import Decimal

from manager.errors import BudgetError
from manager.ledger.budgets import SQL, BudgetStanding, Price, asked
from manager.ledger.script import Script, ask


def price_of(account: str, endpoint: str) -> Script[Decimal | None]:
    """Credits that a record costs; None when no price is configured."""
    prices = yield from ask(SQL.prices, Price, {"account": account})
    return next((it.credits for it in prices if it.endpoint == endpoint), None)


def budgets_of(
    account: str, tag: str | None, *, only_hard: bool = False
) -> Script[list[BudgetStanding]]:
    """How the budgets stand that such a request is bought from."""
    parameters = asked(account, tag, only_hard=only_hard)
    return (yield from ask(SQL.standing, BudgetStanding, parameters))


def refuse_beyond_budgets(account: str, endpoint: str, tag: str | None, begun: int) -> Script[None]:
    """Raise BudgetError when a hard budget is passed by what waits now, this call's included.

    The budgets are this call's alone until its transaction ends: what it reads here is true.
    begun: how many purchases the call has begun.
    """
    if not begun:
        return
    price = yield from price_of(account, endpoint)
    for it in (yield from budgets_of(account, tag, only_hard=True)):
        for unit in it.capped:
            cap, each = it.cap(unit), price if unit == "credits" else Decimal(1)
            own = begun * (each or Decimal(0))
            waiting = it.waiting(unit)
            taken = it.spent(unit) + it.reserved(unit) + waiting
            if cap is not None and (each is None or (own and taken > cap)):
                raise BudgetError(
                    it.name,
                    unit=unit,
                    cap=cap,
                    spent=it.spent(unit),
                    reserved=it.reserved(unit),
                    waiting=waiting - own,
                    asked=own,
                    until=it.until,
                    turns=it.turns,
                    unpriced=endpoint if each is None else None,
                )
