"""How targets stand: which ones an account has, and how long to wait after a failure."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from psycopg import Connection

from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.steps.account import Account
from manager.steps.tell.message import Came, Claimed
from manager.targets import parse

SQL = Statements("tell")
TARGETS = Statements("targets")


def keep_targets(connection: Connection[Any], account: Account) -> None:
    """Let the ledger know whom the settings let be told of the account: triggers look there."""
    addresses = sorted(set(account.settings.notify))
    parameters: dict[str, Any] = {
        "account_id": account.id,
        "addresses": addresses,
        "hosts": [parse(it).place for it in addresses],
        "events": sorted(set(account.settings.notify_events)),
    }
    if one(connection, SQL.is_kept, bool, parameters):
        return
    with connection.transaction():
        execute(connection, TARGETS.make, parameters)
        parameters["ids"] = rows(connection, TARGETS.ids, int, parameters)
        execute(connection, SQL.keep, parameters)


def patience(settings: Settings) -> timedelta:
    """How old a notice may become that cannot be told."""
    return timedelta(days=settings.notify_days)


def wait_after(settings: Settings, notice: Claimed, came: Came) -> timedelta:
    """How long to wait after this try: doubling, half of it random; and as long as it is asked."""
    longest = min(
        settings.notify_backoff_max,
        settings.notify_backoff_base * 2.0 ** min(max(notice.attempts - 1, notice.failures), 30),
    )
    wait = random.uniform(longest / 2, longest)  # noqa: S311 - not a secret
    return timedelta(seconds=max(wait, came.retry_after or 0.0))
