"""Pause: nothing new is submitted on an account, or to one of its endpoints, until resumed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from psycopg import Connection

from manager.ledger.execute import execute
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.steps.account import Account
from manager.vendor import errors

log = get_logger(__name__)

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


def heed(connection: Connection[Any], account_id: int, error: errors.VendorError) -> None:
    """Pause the account if the answer, to whatever was asked, is about all that it may do: a key
    that is refused, no credits. A 403 says nothing of other routes.
    """
    if isinstance(error, errors.Unauthorized | errors.NoCredits):
        pause(connection, account_id, error)


def pause_for(connection: Connection[Any], account_id: int, kind: Kind, reason: str) -> bool:
    """Pause the account; False when it is paused already."""
    parameters = {"account_id": account_id, "kind": kind, "reason": reason[:MAX_REASON]}
    paused = execute(connection, SQL.pause, parameters) > 0
    if paused:
        log.once_committed("account.paused", warn=True, kind=kind, why=reason)
    return paused


def pause_endpoint(
    connection: Connection[Any], account_id: int, endpoint: str, error: errors.VendorError
) -> None:
    """The account may not use the endpoint; that says nothing of the others."""
    parameters = {
        "account_id": account_id,
        "endpoint": endpoint,
        "reason": str(error)[:MAX_REASON],
    }
    if execute(connection, SQL.pause_endpoint, parameters):
        log.once_committed("endpoint.paused", warn=True, endpoint=endpoint, why=str(error))


def has_key(connection: Connection[Any], account: Account) -> bool:
    """Whether there is a usable key for the account here; it is paused without, and only then."""
    parameters: dict[str, Any] = {"account_id": account.id}
    if account.trouble is None:
        if execute(connection, SQL.resume_keyless, parameters):
            log.info("account.resumed", why="the key is there now")
        return True
    parameters |= {"reason": account.trouble, "patience": KEYLESS_PATIENCE}
    if execute(connection, SQL.pause_keyless, parameters):
        log.warning("account.paused", kind="no_key", why=account.trouble)
    return False
