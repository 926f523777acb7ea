"""Actions on accounts and their endpoints."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from manager.endpoints import endpoint as known_endpoint
from manager.operator import accounts
from manager.operator.acknowledge import acknowledge
from manager.operator.actions.action import Action, Argument
from manager.operator.actions.named import OnNamed
from manager.operator.record import Record
from manager.steps.context import Context


def _subject(connection: Connection[Any], name: str, values: dict[str, Any]) -> str:
    accounts.standing(connection, name)
    endpoint = values.get("endpoint")
    return f"account {name}" + (f", {endpoint}" if endpoint else "")


def _pause(context: Context, name: str, values: dict[str, Any], record: Record) -> None:
    accounts.pause(context.settings, name, values["reason"], values["endpoint"], record)


def _resume(context: Context, name: str, values: dict[str, Any], record: Record) -> None:
    accounts.resume(context.settings, name, values["endpoint"], record)


def _acknowledge(context: Context, name: str, values: dict[str, Any], record: Record) -> None:
    acknowledge(context, name, record)


_ENDPOINT = Argument("endpoint", "only to this one", check=lambda name: known_endpoint(name).name)

ACCOUNT_ACTIONS = (
    Action(
        "account",
        "pause",
        "Pause",
        "Paused",
        "safe",
        OnNamed(_subject, _pause),
        (Argument("reason", "shown to whoever asks why", default="by an operator"), _ENDPOINT),
        note="Nothing new is submitted. Jobs that the vendor has go on and are merged.",
    ),
    Action(
        "account", "resume", "Resume", "Resumed", "safe", OnNamed(_subject, _resume), (_ENDPOINT,)
    ),
    Action(
        "account",
        "acknowledge",
        "Acknowledge",
        "Acknowledged",
        "safe",
        OnNamed(_subject, _acknowledge),
        note="Its warnings of what has failed, or found little, end until it happens again.",
    ),
)
"""What can be done to accounts."""
