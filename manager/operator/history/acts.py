"""What operators have done to an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from manager.operator.audit import done_to
from manager.operator.history.event import Event


def acts(connection: Connection[Any], kind: str, id: object, limit: int) -> Iterator[Event]:
    """As events, the last first; each may have been about many objects, as the counts say."""
    for act in done_to(connection, kind, id, limit):
        counts = [f"{n:,} {name.replace('_', ' ')}" for name, n in act.counts.items() if n != 1]
        detail = "; ".join([*([act.why] if act.why else []), *counts])
        yield Event(act.at, act.action, detail or None, f"{act.who} ({act.via})")
