"""How one account stands: its row in the ledger, and what is counted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection

from manager.ledger.execute import one, rows
from manager.ledger.sql import Statements
from manager.ledger.states import ACTIVE, LIVE
from manager.semaphore import Calls, Seen
from manager.settings import Settings
from manager.steps.account import SQL as ACCOUNT

SQL = Statements("status")


@dataclass(slots=True)
class AccountStatus:
    """How one account stands.

    `identifiers` counts those of all its requests by outcome, and those that wait. `calls`: of each
    route, those made in the last minute and those allowed.
    """

    account: str
    id: int = 0
    cap: int = 0
    paused_reason: str | None = None
    paused_endpoints: dict[str, str] = field(default_factory=dict)
    foreign_active: int = 0
    slots_held: int = 0
    swept_seconds_ago: float | None = None
    looked_seconds_ago: float | None = None
    settled_last_minute: int = 0
    open_requests: int = 0
    identifiers: dict[str, int] = field(default_factory=dict)
    in_jobs: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    calls: dict[str, Calls] = field(default_factory=dict)
    waits_for: str | None = None

    @property
    def slots_free(self) -> int:
        """Those that neither our jobs nor others' take."""
        return max(self.cap - self.slots_held - self.foreign_active, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """An account of the ledger. Times in seconds."""

    id: int
    name: str
    paused_reason: str | None
    paused_for: str | None
    foreign_active: int
    slots: int
    swept_ago: float | None
    looked_ago: float | None
    look_in: float
    look_error: str | None
    look_waits_for: str | None
    look_failures: int


@dataclass(frozen=True, slots=True)
class Known:
    """What Redis knows: processes, None where it cannot be asked; and until when an account's
    failures are known to an operator, by its id.
    """

    seen: Sequence[Seen] | None = None
    acknowledged: Mapping[int, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """An account that is looked at. option: how a command names it, where there are several."""

    connection: Connection[Any]
    settings: Settings
    row: Row
    standing: AccountStatus
    option: str
    known: Known

    @property
    def parameters(self) -> dict[str, Any]:
        """For its statements."""
        return {"account_id": self.row.id}


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Identifiers of an account's requests by outcome."""

    open_requests: int
    waiting: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class JobCount:
    """Jobs in a state, and their identifiers."""

    state: str
    count: int
    identifiers: int


@dataclass(frozen=True, slots=True)
class PausedEndpoint:
    """An endpoint that an account may not use."""

    endpoint: str
    reason: str
    paused_at: datetime


def accounts(connection: Connection[Any]) -> list[Row]:
    """Those that the ledger has, by name."""
    return rows(connection, SQL.accounts, Row, {})


def standing(connection: Connection[Any], settings: Settings, row: Row) -> AccountStatus:
    """How the account stands, but for what Redis knows."""
    served = settings.served_account(row.name)
    made = AccountStatus(
        row.name,
        id=row.id,
        cap=min(row.slots, served.cap) if served else row.slots,
        paused_reason=row.paused_reason,
        foreign_active=row.foreign_active,
        swept_seconds_ago=row.swept_ago,
        looked_seconds_ago=row.looked_ago,
        waits_for=row.look_waits_for,
    )
    parameters = {"account_id": row.id}
    counted = asdict(one(connection, SQL.identifiers, Identifiers, parameters))
    made.open_requests = counted.pop("open_requests")
    made.identifiers = counted
    made.settled_last_minute = one(connection, SQL.settled_last_minute, int, parameters)
    for state in rows(connection, SQL.jobs_by_state, JobCount, parameters):
        made.jobs[state.state] = state.count
        made.slots_held += state.count if state.state in ACTIVE else 0
        made.in_jobs += state.identifiers if state.state in LIVE else 0
    for paused in rows(connection, ACCOUNT.paused_endpoints, PausedEndpoint, parameters):
        made.paused_endpoints[paused.endpoint] = paused.reason
    return made
