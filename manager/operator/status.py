"""Whether the daemon can work, and what it is at; for `enrichd status`, probes and the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection, errors
from redis.exceptions import RedisError

from manager import semaphore
from manager.errors import ConfigurationError, EnrichdError, UnavailableError, without_passwords
from manager.ledger import revision
from manager.ledger.execute import one, rows
from manager.ledger.sql import Statements
from manager.ledger.states import ACTIVE, LIVE
from manager.operator.accounts import known_names
from manager.semaphore import Calls
from manager.settings import Settings
from manager.steps.account import SQL as ACCOUNT
from manager.steps.context import Context
from manager.vendor.calls import Route

SQL = Statements("status")
MERGE_PATIENCE = timedelta(seconds=60)
# A job is not overdue before that many seconds, and when nothing is known of those like it.
OVERDUE_LEAST, OVERDUE_UNKNOWN = 600.0, 1800.0
ROUTES: tuple[Route, ...] = ("submit", "status", "list")

TROUBLE = (EnrichdError, psycopg.Error, RedisError)
"""What a look at the ledger or Redis may raise; `named` makes one of our own errors of it."""


@dataclass(slots=True)
class AccountStatus:
    """How one account stands.

    `identifiers` counts those of all its requests by outcome, and those that wait. `calls`: of each
    route, those made in the last minute and those allowed.
    """

    account: str
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


@dataclass(slots=True)
class Status:
    """What an operator wants to know first.

    `problems` is empty when the daemon can work; `warnings` do not keep it from working.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    accounts: list[AccountStatus] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the daemon can work."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        shown = {"ok": self.ok} | asdict(self)
        for made, account in zip(shown["accounts"], self.accounts, strict=True):
            made["calls"] = {route: _calls(calls) for route, calls in account.calls.items()}
        return shown


def status(context: Context, name: str | None = None) -> Status:
    """Look at everything that the daemon needs; raises nothing, every trouble is a problem.

    name: of the only account to look at; else all that the ledger has.
    """
    found = Status()
    try:
        with context.ledger.connect() as connection:
            revision.check(connection, context.settings.database_schema)
            listed = [
                row
                for row in rows(connection, SQL.accounts, Row, {})
                if name is None or row.name == name
            ]
            if not listed:
                found.problems.append(_no_account(name, known_names(connection)))
            for row in listed:
                say = f"account {row.name}: " if len(listed) > 1 else ""
                found.accounts.append(_look(found, connection, context, row, say))
    except TROUBLE as error:
        found.problems.append(str(named(error)))
        found.accounts.clear()
    _look_at_redis(found, context)
    return found


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
class Unmerged:
    """Jobs whose results wait, and for how many seconds."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Troubled:
    """Jobs in a state that something went wrong with."""

    state: str
    count: int
    error: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that is at the vendor for far longer than those like it took, in seconds."""

    id: Any
    age: float
    longest: float | None
    vendor_status: str | None


@dataclass(frozen=True, slots=True)
class PausedEndpoint:
    """An endpoint that an account may not use."""

    endpoint: str
    reason: str
    paused_at: datetime


def _look(
    found: Status, connection: Connection[Any], context: Context, row: Row, say: str
) -> AccountStatus:
    settings = context.settings
    served = settings.served_account(row.name)
    made = AccountStatus(
        row.name,
        cap=min(row.slots, served.cap) if served else row.slots,
        paused_reason=row.paused_reason,
        foreign_active=row.foreign_active,
        swept_seconds_ago=row.swept_ago,
        looked_seconds_ago=row.looked_ago,
        waits_for=row.look_waits_for,
    )
    _count(made, connection, row.id)
    keyless = row.paused_for == "no_key"
    resume = "`enrichd resume" + (f" --account {row.name}`" if say else "`")
    if row.paused_reason is not None:
        hint = "" if keyless else f" ({resume})"
        found.problems.append(f"{say}the account is paused: {row.paused_reason}{hint}")
    for endpoint, reason in made.paused_endpoints.items():
        found.problems.append(f"{say}{endpoint} is paused: {reason} ({resume})")
    if not keyless and (pulse := _pulse(row, settings)):
        found.problems.append(f"{say}{pulse}")
    waiting = one(connection, SQL.unmerged, Unmerged, _of(row.id))
    if waiting.count:
        found.problems.append(
            f"{say}the results of {waiting.count} job(s) wait since {waiting.seconds:.0f} seconds; "
            "no worker of the queue enrichd.merge is at work"
        )
    _judge_slots(found, connection, settings, row, made, say)
    for trouble in rows(connection, SQL.troubled_jobs, Troubled, _of(row.id)):
        found.warnings.append(
            f"{say}{trouble.count} job(s) in state {trouble.state}: {trouble.error}"
        )
    if row.look_error is not None:
        found.warnings.append(
            f"{say}the vendor's list of jobs cannot be had ({row.look_failures} tries): "
            f"{row.look_error}"
        )
    return made


def _count(made: AccountStatus, connection: Connection[Any], account_id: int) -> None:
    parameters = _of(account_id)
    counted = asdict(one(connection, SQL.identifiers, Identifiers, parameters))
    made.open_requests = counted.pop("open_requests")
    made.identifiers = counted
    made.settled_last_minute = one(connection, SQL.settled_last_minute, int, parameters)
    for row in rows(connection, SQL.jobs_by_state, JobCount, parameters):
        made.jobs[row.state] = row.count
        made.slots_held += row.count if row.state in ACTIVE else 0
        made.in_jobs += row.identifiers if row.state in LIVE else 0
    for paused in rows(connection, ACCOUNT.paused_endpoints, PausedEndpoint, parameters):
        made.paused_endpoints[paused.endpoint] = paused.reason


def _judge_slots(
    found: Status,
    connection: Connection[Any],
    settings: Settings,
    row: Row,
    made: AccountStatus,
    say: str,
) -> None:
    """Jobs that do not end, and others' jobs, where they keep ours from being submitted."""
    waiting = one(connection, SQL.waiting_jobs, int, _of(row.id))
    free = made.cap - made.slots_held - made.foreign_active
    if waiting and free <= 0 and made.foreign_active:
        found.warnings.append(
            f"{say}{waiting} job(s) wait: {made.foreign_active} of {made.cap} slots are others'"
        )
    parameters = _of(row.id) | {
        "least": OVERDUE_LEAST,
        "unknown": OVERDUE_UNKNOWN,
        "factor": settings.overdue_factor,
    }
    overdue = rows(connection, SQL.overdue_jobs, Overdue, parameters)
    stuck = waiting > 0 and free <= 0 and len(overdue) == made.slots_held
    for job in overdue:
        usual = f"; those like it took {job.longest:.0f} s at most" if job.longest else ""
        text = (
            f"{say}job {job.id} is {job.vendor_status or 'at the vendor'} since {job.age:.0f} s"
            f"{usual} (`enrichd jobs give-up {job.id}` frees its slot)"
        )
        (found.problems if stuck else found.warnings).append(text)


def _pulse(row: Row, settings: Settings) -> str | None:
    """Why nobody seems to be at work."""
    if row.swept_ago is None:
        return "no worker has swept yet; is `enrichd up` running?"
    if row.swept_ago > pulse_limit(settings):
        return f"the last sweep was {row.swept_ago:.0f} seconds ago; no worker is at work"
    return None


def pulse_limit(settings: Settings) -> float:
    """Seconds since the last sweep after which nobody is taken to be at work."""
    return settings.sweep_interval * 3 + 10


def _look_at_redis(found: Status, context: Context) -> None:
    """Whether it answers, each account's semaphore is there, and how many calls are used."""
    try:
        semaphore.ping(context.settings)
        for made in found.accounts:
            if context.settings.served_account(made.account) is None:
                continue
            account = context.account(made.account)
            if not account.slots.ready() and not found.problems:
                found.problems.append("Redis has no semaphore yet; the next sweep makes it")
            made.calls = {route: account.gate.calls(route) for route in ROUTES}
    except TROUBLE as error:
        found.problems.append(str(named(error)))


def _no_account(name: str | None, known: list[str]) -> str:
    if name is None or not known:
        return "the ledger has no account; run `enrichd db upgrade`"
    return f"there is no account {name!r} in the ledger; it has: {', '.join(known)}"


def _calls(calls: Calls) -> dict[str, Any]:
    until = calls.blocked_until
    return calls._asdict() | {"blocked_until": until.isoformat() if until else None}


def _of(account_id: int) -> dict[str, Any]:
    return {"account_id": account_id, "patience": MERGE_PATIENCE}


def named(error: Exception) -> EnrichdError:
    """The same trouble as one of our own errors: one line, without passwords."""
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


def waits(what: str) -> str:
    """What is waited for, as one says it; the gate's own words say it already."""
    return what if what.startswith("waits for ") else f"waits for {what}"


def age(since: datetime) -> str:
    """How long ago that was, in one unit."""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
