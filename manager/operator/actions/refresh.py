"""Refresh: buy again what is older than so long, for requests of its own, one a lane.

So it is followed, counted and cancelled like any other. The requests that have the older result
keep it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Json
from uuid_utils.compat import uuid7

from manager.client.arguments import as_json, checked_priority, checked_tag
from manager.ledger.execute import rows
from manager.operator.actions.action import Action, Argument, Kind
from manager.operator.actions.on_set import SQL, Acting, OnSet


def _refresh(acting: Acting) -> dict[str, int]:
    lanes = rows(acting.connection, SQL.lanes, int, {})
    made = [UUID(bytes=uuid7().bytes) for _ in lanes]
    metadata = acting.values["metadata"] or {"refresh_by": acting.actor.who}
    parameters: dict[str, Any] = {
        "lane_ids": lanes,
        "request_ids": made,
        "metadata": Json(metadata),
    }
    acting.run(SQL.make_requests, **parameters)
    acting.run(SQL.name_requests, **parameters)
    acting.run(SQL.refresh)
    acting.run(SQL.make_items)
    acting.made += map(str, made)
    return {"requests": len(made)}


def _metadata(given: dict[str, Any]) -> dict[str, Any]:
    as_json(given)  # raises where Postgres would refuse it
    return given


_ARGUMENTS = (
    Argument("older_than", "how old a result must be, such as 90d", "span", required=True),
    Argument("priority", "of the new requests", "integer", default=0, check=checked_priority),
    Argument("tag", "by which budgets and statistics go", check=checked_tag),
    Argument("metadata", "of the new requests, a JSON object", "json", check=_metadata),
)


def _refreshing(kind: Kind, find: Any) -> Action:
    return Action(
        kind,
        "refresh",
        "Buy again what is older",
        "Asked for again",
        "spends",
        OnSet(find, (SQL.lock_enrichments,), _refresh, still=SQL.not_old),
        _ARGUMENTS,
        unless="Nothing of it is older, or it is being bought already.",
        note="For new requests, one a lane; those that have the older result keep it.",
    )


REFRESH_ACTIONS = (
    _refreshing("enrichment", SQL.old_of_enrichments),
    _refreshing("lane", SQL.old_of_lanes),
    _refreshing("request", SQL.old_of_requests),
)
"""What is bought again, by what it is chosen."""
