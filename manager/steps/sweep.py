"""Sweep: find all due work of an account in the ledger, and put its semaphore right.

Whatever wake-up was lost, the next sweep makes up for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.steps.account import SQL as ACCOUNT
from manager.steps.account import Account, Standing
from manager.steps.context import Context, Wake
from manager.steps.pack import SQL as PACK
from manager.steps.pause import has_key
from manager.steps.schedule import keep_looking, plan
from manager.steps.slots import mend_if_possible

SQL = Statements("sweep")


@dataclass(frozen=True, slots=True)
class Due:
    """A step of a job that is due."""

    step: str
    id: UUID


def sweep(context: Context, account: Account) -> list[Wake]:
    """The wake-ups of all steps that are due."""
    with context.ledger.connect() as connection:
        standing = account.standing(connection)
        if not has_key(connection, account):
            return []
        execute(connection, ACCOUNT.swept, {"account_id": standing.id})
        mend_if_possible(connection, account, standing)
        standing = account.standing(connection)
        wakes = due(connection, account, standing)
        keep_looking(connection, context.settings, account)
        if standing.foreign_active and not any(it.step == "submit" for it in wakes):
            wakes.append(plan(connection, context.settings, account))
        if one(connection, SQL.look_due, bool, {"account_id": standing.id}):
            wakes.append(Wake("look", account.name))
        if standing.paused_reason is None:
            wakes.append(Wake("pack", account.name))
    return wakes


def due(connection: Connection[Any], account: Account, standing: Standing) -> list[Wake]:
    """The wake-ups of all steps of jobs that are due."""
    cap, foreign = account.cap(standing), standing.foreign_active
    parameters: dict[str, Any] = {
        "account_id": standing.id,
        "cap": cap,
        "foreign_active": foreign,
        "waits_for": f"a slot: {foreign} of {cap} are others'" if foreign else "a slot",
    }
    parameters["one_unresolved"] = one(connection, PACK.one_unresolved, bool, parameters)
    found = rows(connection, SQL.due, Due, parameters)
    paused = standing.paused_reason is not None
    execute(connection, SQL.wait_for_resume, parameters | {"paused": paused})
    if paused:
        found = [it for it in found if it.step != "submit"]
    elif not any(it.step == "submit" for it in found):
        execute(connection, SQL.wait_for_slot, parameters)
    return [Wake(it.step, account.name, it.id) for it in found]
