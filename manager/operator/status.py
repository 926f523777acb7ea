"""Whether the daemon can work, and what it is at; for `enrichd status`, probes and the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection, errors
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from manager.errors import ConfigurationError, EnrichdError, UnavailableError
from manager.ledger import migrate
from manager.ledger.connect import one, rows
from manager.ledger.sql import Statements
from manager.ledger.states import ACTIVE, LIVE
from manager.run.supervisor.reachable import without_passwords
from manager.steps.context import Context

SQL = Statements("operator")
MERGE_PATIENCE = timedelta(seconds=60)

TROUBLE = (EnrichdError, psycopg.Error, DBAPIError, RedisError)
"""What a look at the ledger or Redis may raise; `named` makes one of our own errors of it."""


@dataclass(slots=True)
class Status:
    """What an operator wants to know first.

    `problems` is empty when the daemon can work; `warnings` do not keep it from working.
    `identifiers` counts those of all requests by outcome, and those that wait.
    """

    account: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cap: int = 0
    paused_reason: str | None = None
    foreign_active: int = 0
    slots_held: int = 0
    swept_seconds_ago: float | None = None
    settled_last_minute: int = 0
    open_requests: int = 0
    identifiers: dict[str, int] = field(default_factory=dict)
    in_jobs: int = 0
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
    try:
        with context.ledger.connect() as connection:
            migrate.check(context.settings)
            _look_at_ledger(found, connection, context)
    except TROUBLE as error:
        found.problems.append(str(named(error)))
    try:
        if not context.slots.ready() and not found.problems:
            found.problems.append("Redis has no semaphore yet; the next sweep makes it")
    except TROUBLE as error:
        found.problems.append(str(named(error)))
    return found


def named(error: Exception) -> EnrichdError:
    """The same trouble as one of our own errors: one line, without passwords."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = without_passwords(lines[0])
    match error:
        case EnrichdError():
            return error
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName():
            return ConfigurationError(
                f"The ledger's schema is missing or of another version ({line}). "
                "Run `enrichd db upgrade`."
            )
        case RedisError():
            return UnavailableError(f"Redis cannot be reached: {line}")
        case _ if line.startswith("connection"):
            return UnavailableError(f"Postgres cannot be reached: {line}")
        case _:
            return UnavailableError(f"Postgres broke off: {line}. Try again.")


def age(since: datetime) -> str:
    """How long ago that was, in one unit."""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _look_at_ledger(found: Status, connection: Connection[Any], context: Context) -> None:
    account = context.account(connection)
    parameters = {"account_id": account.id, "patience": MERGE_PATIENCE}
    found.cap, found.foreign_active = account.cap, account.foreign_active
    found.paused_reason = account.paused_reason
    pulse = one(connection, SQL.pulse, parameters)
    found.swept_seconds_ago = pulse.swept_ago
    found.settled_last_minute = pulse.settled_last_minute
    counted = one(connection, SQL.identifiers, parameters)._asdict()
    found.open_requests = counted.pop("open_requests")
    found.identifiers = {name: int(count) for name, count in counted.items()}
    for row in rows(connection, SQL.jobs_by_state, parameters):
        found.jobs[row.state] = row.count
        found.slots_held += row.count if row.state in ACTIVE else 0
        found.in_jobs += row.identifiers if row.state in LIVE else 0
    if account.paused_reason is not None:
        found.problems.append(f"the account is paused: {account.paused_reason} (`enrichd resume`)")
    _judge_pulse(found, context.settings.sweep_interval * 3 + 10)
    waiting = one(connection, SQL.unmerged, parameters)
    if waiting.count:
        found.problems.append(
            f"the results of {waiting.count} job(s) wait since {waiting.seconds:.0f} seconds; "
            "no worker of the queue enrichd.merge is at work"
        )
    for row in rows(connection, SQL.troubled_jobs, parameters):
        found.warnings.append(f"{row.count} job(s) in state {row.state}: {row.error}")


def _judge_pulse(found: Status, patience: float) -> None:
    if found.swept_seconds_ago is None:
        found.problems.append("no worker has swept yet; is `enrichd up` running?")
    elif found.swept_seconds_ago > patience:
        found.problems.append(
            f"the last sweep was {found.swept_seconds_ago:.0f} seconds ago; no worker is at work"
        )
