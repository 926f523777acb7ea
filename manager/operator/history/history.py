"""Finds what there is to tell of an object."""

from __future__ import annotations

from typing import Any, Literal, get_args
from uuid import UUID

from psycopg import Connection

from manager.operator.history.acts import acts
from manager.operator.history.enrichments import of_enrichment
from manager.operator.history.event import Event, History, in_order
from manager.operator.history.jobs import of_job
from manager.operator.history.requests import of_request
from manager.operator.history.work import of_account, of_lane
from manager.operator.listing.paging import patiently

Subject = Literal["job", "request", "enrichment", "account", "lane"]
OBJECTS: tuple[Subject, ...] = get_args(Subject)


def history(connection: Connection[Any], kind: Subject, id: str, limit: int = 500) -> History:
    """What happened to the object with that id (of an account: its name), whole as `whole_id` gives
    it; the newest `limit` events where there are more.

    Raises NotFoundError, and InvalidRequestError when it takes too long.
    """
    with patiently(connection):
        about, events = _told(connection, kind, id, limit + 1)
        told = in_order([*events, *acts(connection, kind, id, limit + 1)])
    return History(kind, id, about, told[-limit:], complete=len(told) <= limit)


def _told(
    connection: Connection[Any], kind: Subject, id: str, limit: int
) -> tuple[str, list[Event]]:
    match kind:
        case "job":
            return of_job(connection, UUID(id), limit)
        case "request":
            return of_request(connection, UUID(id), limit)
        case "enrichment":
            return of_enrichment(connection, int(id))
        case "account":
            return of_account(connection, id, limit)
        case "lane":
            return of_lane(connection, int(id), limit)
