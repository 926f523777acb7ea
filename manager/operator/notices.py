"""What an operator sees and does of notices: who was told what, and telling it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger.execute import first, one, rows
from manager.ledger.sql import Statements
from manager.ledger.states import NoticeState
from manager.settings import Settings
from manager.steps.tell.message import Came, Claimed, for_notify
from manager.steps.tell.tell import deliver, resolve
from manager.targets import Channel, Event, parse

SQL = Statements("notice_list")
TELL = Statements("tell")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it stands; `target` without what may be secret in it."""

    id: UUID
    position: int
    account: str
    event: str
    request_id: UUID | None
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None
    error: str | None
    address: str
    paused: bool

    @property
    def target(self) -> str:
        """Whom it tells."""
        return shown(self.address)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try at telling it."""

    number: int
    began_at: datetime
    seconds: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target as it stands. `accounts`: those whose settings name it; others are a request's."""

    id: int
    address: str
    events: list[str]
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    error: str | None
    delivered_at: datetime | None
    paused_at: datetime | None
    gone_at: datetime | None
    waiting: int
    accounts: list[str]

    @property
    def target(self) -> str:
        """Whom it is."""
        return shown(self.address)

    @property
    def state(self) -> str:
        """In one word."""
        if self.gone_at:
            return "gone"
        if self.paused_at:
            return "paused"
        return "failing" if self.failures else "ok"


def shown(address: str) -> str:
    """An address without what may be a token in it."""
    try:
        return str(parse(address))
    except InvalidRequestError:
        return re.sub(r"\?.*", "?…", address)


def listed(
    connection: Connection[Any],
    *,
    account: str | None = None,
    state: str | None = None,
    event: str | None = None,
    request_id: UUID | None = None,
    before: int | None = None,
    limit: int = 20,
) -> list[Notice]:
    """The newest of them. before: a position, to go on from. Raises InvalidRequestError."""
    if state is not None and state not in set(NoticeState):
        raise InvalidRequestError(f"state: {state!r} is not one of {', '.join(NoticeState)}.")
    parameters = {
        "account": account,
        "state": state,
        "event": event,
        "request_id": request_id,
        "before": before,
        "limit": limit,
    }
    return rows(connection, SQL.listed, Notice, parameters)


def find(connection: Connection[Any], text: str) -> Notice:
    """The one whose id begins so. Raises NotFoundError, and InvalidRequestError for several."""
    digits = text.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        raise NotFoundError(f"There is no notice {text[:80]!r}: an id has 4 to 32 hex digits.")
    parameters = {"first": UUID(digits.ljust(32, "0")), "last": UUID(digits.ljust(32, "f"))}
    found = rows(connection, SQL.found, Notice, parameters)
    if not found:
        raise NotFoundError(f"There is no notice {text} in the ledger.")
    if len(found) > 1:
        raise InvalidRequestError(f"Several notices begin with {text}; write more of the id.")
    return found[0]


def attempts(connection: Connection[Any], id: UUID) -> list[Attempt]:
    """Its history."""
    return rows(connection, SQL.tries, Attempt, {"id": id})


def payload(connection: Connection[Any], id: UUID) -> dict[str, Any]:
    """What it tells."""
    return one(connection, SQL.payload, dict, {"id": id})


def targets(connection: Connection[Any], limit: int = 100) -> list[TargetRow]:
    """All targets, those in trouble first."""
    return rows(connection, SQL.targets, TargetRow, {"id": None, "limit": limit})


def target(connection: Connection[Any], text: str) -> TargetRow:
    """The one of that number. Raises NotFoundError."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
    found = first(connection, SQL.targets, TargetRow, {"id": number, "limit": 1})
    if found is None:
        raise NotFoundError(
            f"There is no target {text[:80]!r}; `enrichd notices targets` lists them."
        )
    return found


def again(
    connection: Connection[Any],
    *,
    id: UUID | None = None,
    target: int | None = None,
    account: str | None = None,
) -> int:
    """Tell again, now, what was abandoned or waits: one, a target's, an account's; how many.

    Their targets are tried anew, also those that were paused or gone.
    """
    with connection.transaction():
        return one(connection, SQL.again, int, {"id": id, "target": target, "account": account})


def example(
    connection: Connection[Any], settings: Settings, address: str, event: Event, account: str
) -> Came:
    """Tell a target an example at once, as it would be told; `test` in it says what it is.

    Raises InvalidRequestError, NotFoundError.
    """
    name, found = resolve(settings, address)
    id = uuid4()
    said = {"test": True, "account": account, "request_id": str(id), "total": 3, "fulfilled": 2}
    notice = Claimed(id, 0, 1, event, datetime.now(UTC), said, address, 0)
    if not isinstance(found, Channel):
        return deliver(settings, found, notice, name)
    with connection.transaction():
        told = {"channels": [found.name], "payloads": [for_notify(notice)]}
        rows(connection, TELL.notify, str, told)
    return Came()
