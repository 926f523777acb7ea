"""What a history is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from manager.ledger.sql import Statements
from manager.operator.chosen import reading

SQL = reading(Statements("history"))


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `at` is None of what has been removed since.

    `what` is a word: a state, an action, `requested`, `seen`. `by` is who did it: a process, or an
    operator and by which way. The ids name what else was in it.
    """

    at: datetime | None
    what: str
    detail: str | None = None
    by: str | None = None
    job_id: UUID | None = None
    request_id: UUID | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What happened to an object, in the order of time. `complete`: whether that is all of it; else
    the newest are told.
    """

    kind: str
    id: str
    about: str
    events: Sequence[Event]
    complete: bool = True


def in_order(events: Iterable[Event]) -> list[Event]:
    """By time; what has none first."""
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(events, key=lambda it: it.at or never)
