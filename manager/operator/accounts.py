"""Accounts: list, rename and remove them; pause and resume them and their endpoints.

An account comes into the ledger when it is configured and `enrichd db upgrade` (or `up`) runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import UniqueViolation

from manager.endpoints import endpoint as known_endpoint
from manager.errors import ConflictError, InvalidRequestError, NotFoundError
from manager.ledger.connect import Ledger
from manager.ledger.execute import execute, first, one, rows
from manager.ledger.sql import Statements
from manager.operator.record import Record, unrecorded
from manager.operator.words import counted
from manager.settings import Settings
from manager.steps.account import SQL as ACCOUNT
from manager.steps.account import Standing

SQL = Statements("accounts")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")


@dataclass(frozen=True, slots=True)
class Listed:
    """An account, and what keeps it from being removed."""

    id: int
    name: str
    slots: int
    paused_reason: str | None
    removed_at: datetime | None
    created_at: datetime
    live_jobs: int
    open_requests: int


def listed(settings: Settings) -> list[Listed]:
    """Every account of the ledger."""
    with Ledger(settings, "cli").connect() as connection:
        return rows(connection, SQL.listed, Listed, {})


def known_names(connection: Connection[Any]) -> list[str]:
    """The names of those that are not removed."""
    return rows(connection, ACCOUNT.account_names, str, {})


def standing(connection: Connection[Any], name: str) -> Standing:
    """The account's row. Raises NotFoundError."""
    found = first(connection, ACCOUNT.account, Standing, {"account": name})
    if found is None:
        raise NotFoundError(
            f"There is no account {name!r} in the ledger; it has: "
            f"{', '.join(known_names(connection)) or 'none'}."
        )
    return found


def pause(
    settings: Settings,
    name: str,
    reason: str,
    endpoint: str | None = None,
    record: Record = unrecorded,
) -> None:
    """Submit nothing new on the account, or to that endpoint of it.

    record: in the transaction that does it. Raises NotFoundError.
    """
    with Ledger(settings, "cli").connect() as connection, connection.transaction():
        parameters: dict[str, Any] = {
            "account_id": standing(connection, name).id,
            "kind": "operator",
            "reason": reason,
        }
        if endpoint is None:
            execute(connection, ACCOUNT.resume, parameters)
            execute(connection, ACCOUNT.pause, parameters)
        else:
            parameters["endpoint"] = known_endpoint(endpoint).name
            execute(connection, ACCOUNT.pause_endpoint, parameters)
        record(connection)
        execute(connection, SQL.wake, {"account": name})


def resume(
    settings: Settings, name: str, endpoint: str | None = None, record: Record = unrecorded
) -> None:
    """Submit again: on the account and to all its endpoints, or to that one.

    record: in the transaction that does it. Raises NotFoundError.
    """
    with Ledger(settings, "cli").connect() as connection, connection.transaction():
        parameters: dict[str, Any] = {"account_id": standing(connection, name).id}
        if endpoint is None:
            execute(connection, ACCOUNT.resume, parameters)
        else:
            endpoint = known_endpoint(endpoint).name
        execute(connection, ACCOUNT.resume_endpoints, parameters | {"endpoint": endpoint})
        record(connection)
        execute(connection, SQL.wake, {"account": name})


def wake(settings: Settings, name: str) -> None:
    """Let the daemon see at once what was done on the account."""
    with Ledger(settings, "cli").connect() as connection:
        execute(connection, SQL.wake, {"account": name})


def rename(settings: Settings, name: str, new: str) -> None:
    """Give the account another name; its configuration must follow.

    Raises NotFoundError, ConflictError, InvalidRequestError.
    """
    if not NAME.fullmatch(new):
        raise InvalidRequestError(
            f"{new[:80]!r} cannot be an account's name: 1 to 63 letters, digits, '_', '.' and '-'."
        )
    with Ledger(settings, "cli").connect() as connection, connection.transaction():
        parameters = {"account_id": standing(connection, name).id, "name": new}
        try:
            execute(connection, SQL.rename, parameters)
        except UniqueViolation:
            raise ConflictError(f"There is an account {new!r} already.") from None


def remove(settings: Settings, name: str) -> None:
    """Serve the account no more; its results, requests and history stay.

    Raises NotFoundError, and ConflictError while it has live jobs or enrichments that wait.
    """
    with Ledger(settings, "cli").connect() as connection, connection.transaction():
        parameters = {"account": name, "account_id": standing(connection, name).id}
        execute(connection, SQL.no_packing, parameters)
        execute(connection, SQL.lock, parameters)
        [found] = [it for it in rows(connection, SQL.listed, Listed, {}) if it.name == name]
        pending = one(connection, SQL.pending, int, parameters)
        if found.live_jobs or pending:
            raise ConflictError(
                f"The account {name!r} has {counted(found.live_jobs, 'live job')} and "
                f"{counted(pending, 'identifier')} waiting. Cancel its requests and let its jobs "
                "end, then remove it."
            )
        execute(connection, SQL.remove, parameters)
