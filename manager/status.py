"""Whether the daemon can work, and what it is at; for `enrichd status`, probes and the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg
from psycopg import Connection
from redis.exceptions import RedisError

from manager.context import Account, Context
from manager.errors import EnrichdError
from manager.ledger import migrate
from manager.ledger.connect import one, rows
from manager.ledger.sql import Statements

SQL = Statements("operator")


@dataclass(slots=True)
class Status:
    """What an operator wants to know first. `problems` is empty when the daemon can work."""

    account: str
    problems: list[str] = field(default_factory=list)
    cap: int = 0
    paused_reason: str | None = None
    foreign_active: int = 0
    slots_held: int = 0
    swept_seconds_ago: float | None = None
    settled_last_minute: int = 0
    open_requests: int = 0
    enrichments: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the daemon can work."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ok": self.ok} | asdict(self)


def status(context: Context) -> Status:
    """Look at everything that the daemon needs; raises nothing, every trouble is a problem."""
    found = Status(context.settings.account)
    if context.settings.vendor_api_key is None:
        found.problems.append("the vendor's API key is not set (ENRICHD_VENDOR_API_KEY)")
    try:
        migrate.check(context.settings)
        with context.ledger.connect() as connection:
            account = context.account(connection)
            _look_at_ledger(found, connection, account, context)
    except EnrichdError as error:
        found.problems.append(str(error))
    except Exception as error:  # the driver's errors are many; each is a problem to show
        if not isinstance(error, psycopg.Error) and "psycopg" not in repr(type(error)):
            raise
        found.problems.append(f"Postgres: {error}".splitlines()[0])
    _look_at_redis(found, context)
    return found


def _look_at_ledger(
    found: Status, connection: Connection[Any], account: Account, context: Context
) -> None:
    parameters = {"account_id": account.id}
    found.cap, found.foreign_active = account.cap, account.foreign_active
    found.paused_reason = account.paused_reason
    pulse = one(connection, SQL.pulse, parameters)
    found.swept_seconds_ago = pulse.swept_ago
    found.settled_last_minute = pulse.settled_last_minute
    found.open_requests = one(connection, SQL.open_requests, {}).count
    found.enrichments = {r.state: r.count for r in rows(connection, SQL.enrichments, parameters)}
    found.jobs = {r.state: r.count for r in rows(connection, SQL.jobs_by_state, parameters)}
    found.slots_held = sum(found.jobs.get(s, 0) for s in ("submitting", "pending", "processing"))
    patience = context.settings.sweep_interval * 3 + 10
    if found.swept_seconds_ago is None:
        found.problems.append("no worker has swept yet; is `enrichd up` running?")
    elif found.swept_seconds_ago > patience:
        found.problems.append(
            f"the last sweep was {found.swept_seconds_ago:.0f} seconds ago; no worker is at work"
        )
    if account.paused_reason is not None:
        found.problems.append(f"the account is paused: {account.paused_reason} (`enrichd resume`)")


def _look_at_redis(found: Status, context: Context) -> None:
    try:
        if not context.slots.ready() and not found.problems:
            found.problems.append("Redis has no semaphore yet; the next sweep makes it")
    except EnrichdError as error:
        found.problems.append(str(error))
    except RedisError as error:
        found.problems.append(f"Redis cannot be reached: {error}")
