"""What is said: the same to every kind of target, as Standard Webhooks have it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

# Postgres takes fewer than 8,000 bytes for a NOTIFY.
MOST_OF_NOTIFY = 7_999


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that is this process's to tell for now: for the `attempts`th time.

    address, failures: of its target. proven: it has taken what it was told last.
    traceparent: of the request's span, for the target; of its caller's, as the ledger has it.
    """

    id: UUID
    position: int
    attempts: int
    event: str
    created_at: datetime
    payload: dict[str, Any]
    address: str
    failures: int
    proven: bool = False
    request_id: UUID | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a try: told, when there is no error.

    status: of the HTTP answer. retry_after: seconds that the target asks for. gone: it wants to be
    told nothing more.
    """

    error: str | None = None
    status: int | None = None
    retry_after: float | None = None
    gone: bool = False


def message(notice: Claimed) -> dict[str, Any]:
    """What is told: what happened, when, and about what; ids, counters and words alone.

    `id` is the same at each try; `attempt` counts them, from 1.
    """
    return {
        "type": notice.event,
        "timestamp": notice.created_at.astimezone(UTC).isoformat(),
        "id": str(notice.id),
        "attempt": notice.attempts,
        "data": notice.payload,
    }


def as_text(said: dict[str, Any]) -> str:
    """As compact JSON."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def for_notify(notice: Claimed) -> str:
    """As JSON that fits into a NOTIFY: where it would not, the ids alone, marked as `cut`."""
    said = message(notice)
    text = as_text(said)
    if len(text.encode()) <= MOST_OF_NOTIFY:
        return text
    ids = {name: it for name, it in notice.payload.items() if name.endswith(("_id", "account"))}
    said["data"] = {name: str(it)[:200] for name, it in ids.items()} | {"cut": True}
    return as_text(said)
