"""Pause: nothing new is submitted on an account, or to one of its endpoints, until resumed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from psycopg import Connection

from manager.ledger.execute import execute
from manager.ledger.sql import Statements
from manager.steps.account import Account
from manager.vendor import errors

SQL = Statements("account")
MAX_REASON = 4_000
# An account is paused for want of a key only when no other daemon, which may have one, serves it.
KEYLESS_PATIENCE = timedelta(seconds=60)

Kind = Literal["operator", "no_credits", "unauthorized", "refused", "no_key"]
"""What an account is paused for."""


def pause(connection: Connection[Any], account_id: int, error: errors.VendorError) -> None:
    """The vendor's answer says that nothing will be accepted until somebody acts."""
    kind: Kind = "no_credits" if isinstance(error, errors.NoCredits) else "unauthorized"
    pause_for(connection, account_id, kind, str(error))


def pause_for(connection: Connection[Any], account_id: int, kind: Kind, reason: str) -> bool:
    """Pause the account; False when it is paused already."""
    parameters = {"account_id": account_id, "kind": kind, "reason": reason[:MAX_REASON]}
    return execute(connection, SQL.pause, parameters) > 0


def pause_endpoint(
    connection: Connection[Any], account_id: int, endpoint: str, error: errors.VendorError
) -> None:
    """The account may not use the endpoint; that says nothing of the others."""
    parameters = {
        "account_id": account_id,
        "endpoint": endpoint,
        "reason": str(error)[:MAX_REASON],
    }
    execute(connection, SQL.pause_endpoint, parameters)


def has_key(connection: Connection[Any], account: Account) -> bool:
    """Whether there is a usable key for the account here; it is paused without, and only then."""
    parameters: dict[str, Any] = {"account_id": account.id}
    if account.trouble is None:
        execute(connection, SQL.resume_keyless, parameters)
        return True
    parameters |= {"reason": account.trouble, "patience": KEYLESS_PATIENCE}
    execute(connection, SQL.pause_keyless, parameters)
    return False
