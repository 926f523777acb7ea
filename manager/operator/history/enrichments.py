"""The history of an enrichment: one identifier in one lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from manager.client.history import HistoryEvent, histories
from manager.client.known import Lane, Standing
from manager.client.lookup import SQL as LOOKUP
from manager.errors import NotFoundError
from manager.ledger.execute import first, one
from manager.ledger.script import run
from manager.operator.history.event import SQL, Event


@dataclass(frozen=True, slots=True)
class Key:
    """By what it is known."""

    key: str
    identifier: str
    lane_id: int
    identifier_type: str
    account: str
    endpoint: str
    fields: list[str]


def of_enrichment(connection: Connection[Any], enrichment_id: int) -> tuple[str, list[Event]]:
    """What it is about, and each request, job and purchase of it. Raises NotFoundError."""
    known = first(connection, SQL.key, Key, {"enrichment_id": enrichment_id})
    if known is None:
        raise NotFoundError(f"There is no enrichment {enrichment_id} in the ledger.")
    parameters = {"keys": [known.key], "lanes": [known.lane_id]}
    standing = one(connection, LOOKUP.known, Standing, parameters)
    lane = Lane(known.lane_id, known.account, known.endpoint, known.fields)
    found = run(connection, histories({enrichment_id: (lane, standing)}))
    fields = f", {', '.join(known.fields)}" if known.fields else ""
    about = f"{known.identifier}, {known.endpoint}{fields}, account {known.account}"
    return f"{about}: {standing.words()}", list(map(_event, found[enrichment_id]))


def _event(it: HistoryEvent) -> Event:
    detail = "; ".join([f"purchase {it.cycle}", *([it.detail] if it.detail else [])])
    return Event(it.at, it.event, detail, None, it.job_id, it.request_id, it.batch_id)
