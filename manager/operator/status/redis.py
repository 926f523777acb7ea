"""Redis: whether it answers, each account's semaphore is there, and how many calls are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manager import semaphore
from manager.operator.acknowledge import acknowledged
from manager.operator.problems import Problem, problem
from manager.operator.status.account import AccountStatus, Known, Row
from manager.operator.status.unavailable import of_redis
from manager.operator.trouble import TROUBLE, named
from manager.semaphore import Presences
from manager.steps.context import Context
from manager.vendor.calls import Route

ROUTES: tuple[Route, ...] = ("submit", "status", "list")


def known(context: Context, accounts: Sequence[Row]) -> Known:
    """What Redis knows of these accounts; nothing where it cannot be asked."""
    try:
        seen = Presences(context.redis, context.ledger_id).seen()
        return Known(seen, {row.id: acknowledged(context, row.id) for row in accounts})
    except TROUBLE:
        return Known(None, {})


def look(context: Context, accounts: Sequence[AccountStatus], *, quiet: bool) -> Iterator[Problem]:
    """Its problems; writes the calls into the accounts. quiet: what is missing has another cause,
    which was told.
    """
    try:
        semaphore.ping(context.settings)
        for made in accounts:
            if context.settings.served_account(made.account) is None:
                continue
            account = context.account(made.account)
            if not quiet and not account.slots.ready():
                yield problem(
                    "semaphore-missing",
                    "Redis does not know the account's slots yet",
                    "Nothing need be done: the next sweep tells it.",
                    made.account,
                )
            made.calls = {route: account.gate.calls(route) for route in ROUTES}
    except TROUBLE as error:
        yield of_redis(named(error))
