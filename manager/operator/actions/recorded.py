"""The audit: each action is written down in its own transaction, with what it has touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.types.json import Json

from manager.ledger.execute import execute, one
from manager.ledger.sql import Statements
from manager.operator.actions.action import Action, Actor, Ask

SQL = Statements("actions")


def record(
    connection: Connection[Any],
    action: Action,
    ask: Ask,
    actor: Actor,
    counts: Mapping[str, int],
    filter: str | None = None,
) -> int:
    """Write down what is done in this transaction; the record's id.

    filter: other than what was chosen, where that is not to be written down.
    """
    parameters = {
        "who": actor.who,
        "via": actor.via,
        "why": actor.why,
        "action": action.name,
        "kind": action.kind,
        "filter": ask.chosen.query if filter is None else filter,
        "arguments": Json({it: _plain(value) for it, value in action.told(ask.values).items()}),
        "counts": Json(dict(counts)),
    }
    return one(connection, SQL.record, int, parameters)


def record_set(connection: Connection[Any], action: Action, action_id: int) -> None:
    """Everything that is in the set was touched by the action."""
    parameters = {"kind": action.kind, "action_id": action_id}
    execute(connection, SQL.record_set, parameters)
    execute(connection, SQL.record_set_enrichments, parameters)


def record_enrichments(connection: Connection[Any], action_id: int, ids: Sequence[int]) -> None:
    """These enrichments were."""
    execute(connection, SQL.record_enrichments, {"action_id": action_id, "ids": list(ids)})


def record_objects(
    connection: Connection[Any], action_id: int, objects: Sequence[tuple[str, object]]
) -> None:
    """These were: kinds and ids."""
    parameters = {
        "action_id": action_id,
        "kinds": [kind for kind, _ in objects],
        "objects": [str(it) for _, it in objects],
    }
    execute(connection, SQL.record_objects, parameters)


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return f"{value.total_seconds():.0f}s"
        case None | bool() | int() | str() | dict():
            return value
        case tuple() | list():
            return [_plain(it) for it in value]
        case _:
            return str(value)
