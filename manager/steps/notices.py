"""Notices: whoever makes something true that is told says so, in the same transaction.

What becomes of requests, and pauses, the schema's own triggers note
(`manager/ledger/notice_triggers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from manager.ledger.execute import one
from manager.ledger.sql import Statements
from manager.targets import Event

SQL = Statements("notices")


def note(
    connection: Connection[Any],
    event: Event,
    account_id: int,
    request_id: UUID | None,
    payload: Mapping[str, Any],
    *,
    once: str | None = None,
) -> int:
    """Let the account's targets, and the request's, be told; they are when this commits.

    payload: ids, counters, times and words as JSON has them; no record and no secret. once: names
    what happened, where it may be found again and again: no target is told a second time as long as
    the notice stays in the ledger. How many targets are told.
    """
    parameters = {
        "event": event,
        "account_id": account_id,
        "request_id": request_id,
        "payload": Jsonb(dict(payload)),
        "once": once,
    }
    return one(connection, SQL.note, int, parameters)
