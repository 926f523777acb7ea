"""Actions on those who are told, and on what they are told."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from manager.errors import InvalidRequestError, UnavailableError
from manager.operator import notices
from manager.operator.accounts import standing
from manager.operator.actions.action import Action, Argument
from manager.operator.actions.named import Came, OnNamed
from manager.operator.record import Record
from manager.operator.words import counted
from manager.steps.context import Context
from manager.targets import EVENTS


def _notice(connection: Connection[Any], name: str, values: dict[str, Any]) -> str:
    found = notices.find(connection, name)
    return f"notice {found.id} to {found.target}"


def _target(connection: Connection[Any], name: str, values: dict[str, Any]) -> str:
    return f"target {name}, {notices.target(connection, name).target}"


def _account(connection: Connection[Any], name: str, values: dict[str, Any]) -> str:
    return f"account {standing(connection, name).name}"


def _retry_notice(context: Context, name: str, values: dict[str, Any], record: Record) -> Came:
    with context.ledger.connect() as connection, connection.transaction():
        count = notices.again(connection, id=notices.find(connection, name).id)
        record(connection)
    return _told_again(count)


def _retry_target(context: Context, name: str, values: dict[str, Any], record: Record) -> Came:
    with context.ledger.connect() as connection, connection.transaction():
        count = notices.again(connection, target=notices.target(connection, name).id)
        record(connection)
    return _told_again(count)


def _retry_account(context: Context, name: str, values: dict[str, Any], record: Record) -> Came:
    with context.ledger.connect() as connection, connection.transaction():
        count = notices.again(connection, account=name)
        record(connection)
    return _told_again(count)


def _told_again(count: int) -> Came:
    return Came(f"{counted(count, 'notice')} will be told again.", {"again": count})


def _test(context: Context, name: str, values: dict[str, Any], record: Record) -> Came:
    settings = context.settings
    with context.ledger.connect() as connection:
        found = notices.target(connection, name)
        came = notices.example(
            connection, settings, found.address, values["event"], settings.account
        )
        if came.error is not None:
            raise UnavailableError(f"{found.target} was not told: {came.error}")
        with connection.transaction():
            record(connection)
    return Came(f"It was told{f' ({came.status})' if came.status else ''}.")


def _event(name: str) -> str:
    if name not in EVENTS:
        raise InvalidRequestError(f"event: {name[:80]!r} is not one of {', '.join(EVENTS)}.")
    return name


_AGAIN = "What was abandoned, and what waits, is told now; the target is tried anew."

NOTICE_ACTIONS = (
    Action(
        "notice",
        "retry",
        "Tell again",
        "To be told again",
        "safe",
        OnNamed(_notice, _retry_notice),
        note=_AGAIN,
    ),
    Action(
        "target",
        "retry",
        "Tell again",
        "To be told again",
        "safe",
        OnNamed(_target, _retry_target),
        note=_AGAIN,
    ),
    Action(
        "target",
        "test",
        "Send an example",
        "Sent an example",
        "safe",
        OnNamed(_target, _test),
        (
            Argument(
                "event", f"one of {', '.join(EVENTS)}", default="request.finished", check=_event
            ),
        ),
        note='It is signed as a real one; its data has "test": true.',
    ),
    Action(
        "account",
        "retry-notices",
        "Tell again",
        "To be told again",
        "safe",
        OnNamed(_account, _retry_account),
        note=_AGAIN,
    ),
)
"""What can be done to targets and notices."""
