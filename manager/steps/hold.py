"""Hold: what is beyond its budget waits outside the packer's queue, so that the rest goes on.

An account's budget, or everybody's, makes jobs smaller; a tag's takes what is beyond it out of the
queue, each once, and puts it back when it may be bought: when the day or month has turned, a cap
was raised, or a job has cost less than was reserved for it. It all happens in the packer's own
transaction, one packer at a time: what is in jobs is reserved, so no cap is ever passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from manager.ledger import budgets
from manager.ledger.budgets import BudgetStanding, Price, fewest
from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.steps.account import Account
from manager.steps.notices import note

log = get_logger(__name__)

SQL = Statements("hold")
# So many jobs' worth are taken out of a lane's queue in one transaction; the next goes on.
PAGES = 5


@dataclass(frozen=True, slots=True)
class HeldIn:
    """A lane, and a tag for whose budget something is held in it."""

    lane_id: int
    tag: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the budgets allow an account to put into jobs now."""

    prices: Mapping[str, Decimal]
    budgets: tuple[BudgetStanding, ...] = ()

    def records(self, endpoint: str) -> int | None:
        """How many of the endpoint, of whatever tag; None: any number."""
        return fewest((it for it in self.budgets if it.tag is None), self.prices.get(endpoint))

    def by_tag(self, endpoint: str) -> dict[str, int]:
        """How many of the endpoint, of each tag that has a budget."""
        price = self.prices.get(endpoint)
        tags = {it.tag for it in self.budgets if it.tag is not None}
        most = {tag: fewest((it for it in self.budgets if it.tag == tag), price) for tag in tags}
        return {tag: number for tag, number in most.items() if number is not None}

    def sizes(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The most that a job of each endpoint may hold; those that may hold none are left out."""
        cut = {}
        for endpoint, size in sizes.items():
            most = self.records(endpoint)
            if most is None or most > 0:
                cut[endpoint] = size if most is None else min(size, most)
        return cut


def allowance(connection: Connection[Any], account: Account) -> Allowance:
    """What may be bought, for as long as the transaction lasts; what is held and may be bought is
    back in its queue.
    """
    if not one(connection, SQL.any, bool, {}):
        return Allowance({})
    execute(connection, SQL.lock)
    found = budgets.standing(connection, account.name)
    _note_blocked(connection, found)
    prices = rows(connection, budgets.SQL.prices, Price, {"account": account.name})
    return Allowance({it.endpoint: it.credits for it in prices}, tuple(found))


def release(
    connection: Connection[Any], account_id: int, allowed: Allowance, sizes: Mapping[str, int]
) -> None:
    """Put back what is held, as far as it may be bought."""
    for pair in rows(connection, SQL.pairs, HeldIn, {"account_id": account_id}):
        size = sizes.get(pair.endpoint, 0)
        most = allowed.by_tag(pair.endpoint).get(pair.tag, size)
        parameters = {"lane_id": pair.lane_id, "tag": pair.tag, "most": min(most, size)}
        if not parameters["most"]:
            continue
        parameters["page"] = size
        while not execute(connection, SQL.release, parameters):
            if not execute(connection, SQL.forget, parameters):
                break


def hold(connection: Connection[Any], lane_id: int, tags: Mapping[str, int], size: int) -> bool:
    """Take out of the lane's queue what is in front of a job's worth that may be bought.

    tags: how many of each tag may be bought. Whether more may have to be taken out.
    """
    parameters: dict[str, Any] = {"lane_id": lane_id, "tags": Jsonb(dict(tags)), "page": size}
    for _ in range(PAGES):
        ids = rows(connection, SQL.hold, int, parameters)
        if not ids:
            return False
        execute(connection, SQL.hand_over, parameters | {"ids": ids})
    return True


def _note_blocked(connection: Connection[Any], found: list[BudgetStanding]) -> None:
    """Tell operators and callers which budgets keep something waiting, and for how long."""
    changed = {}
    for it in found:
        until = it.until if it.blocks else None
        if until != it.blocked_until:
            changed[it.name] = {"name": it.name, "until": until and until.isoformat()}
    if not changed:
        return
    noted = rows(connection, SQL.block, str, {"budgets": Jsonb(list(changed.values()))})
    for it in found:
        if it.name in noted and it.blocks:
            log.once_committed("budget.reached", warn=True, budget=it.name, turns=it.turns)
            once = f"budget {it.name} {it.since.isoformat()}"
            for account_id in rows(connection, SQL.told, int, {"own": it.account}):
                note(connection, "budget.reached", account_id, None, _told(it), once=once)


def _told(it: BudgetStanding) -> dict[str, Any]:
    """What those are told who want to know of it."""
    caps: dict[str, Any] = {
        unit: {
            "cap": str(it.cap(unit)),
            "spent": str(it.spent(unit)),
            "reserved": str(it.reserved(unit)),
            "waiting": str(it.waiting(unit)),
        }
        for unit in it.capped
    }
    return {
        "budget": it.name,
        "account": it.account,
        "tag": it.tag,
        "per": it.per,
        "hard": it.hard,
        "until": it.until.isoformat(),
        **caps,
    }
