"""What the ledger tells: rows that are live, counters, and what its upkeep has done.

No statement reads history, so a scrape is as cheap after years as on the first day.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from psycopg import Connection

from manager.endpoints import ENDPOINTS
from manager.ledger import budgets
from manager.ledger.execute import execute, rows
from manager.ledger.sql import Statements
from manager.ledger.states import ACTIVE, LIVE
from manager.operator.metrics.exposition import Collected
from manager.settings import Settings
from manager.steps.pause import Kind

SQL = Statements("metrics")
# Milliseconds that a statement may take.
LIMIT = 3_000
KINDS = get_args(Kind)
OUTCOMES = ("fulfilled", "not_found", "failed", "cancelled")
# Which of the triggers' sums of a lane is which metric.
OF_LANES = {
    "unresolved": "submissions_lost_total",
    "accepted": "identifiers_accepted_total",
    "merged": "identifiers_merged_total",
    "delivered": "records_delivered_total",
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands. Times are seconds since 1970."""

    id: int
    name: str
    paused: bool
    paused_for: str | None
    foreign_active: int
    look_failures: int
    slots: int
    swept_at: float | None
    looked_at: float | None
    clock_ahead: float | None
    list_lag: float | None


@dataclass(frozen=True, slots=True)
class Paused:
    """An endpoint that an account may not use."""

    account_id: int
    endpoint: str


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of a lane's endpoint and type in a state. Ages in seconds."""

    account_id: int
    endpoint: str
    identifier_type: str
    state: str
    count: int
    identifiers: int
    oldest: float | None
    unresolved: int
    unresolved_oldest: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """For how many seconds the first in line waits; None when nothing does."""

    account_id: int
    endpoint: str
    identifier_type: str
    oldest: float | None


@dataclass(frozen=True, slots=True)
class Enrichments:
    """How many wait to be packed."""

    account_id: int
    endpoint: str
    identifier_type: str
    count: int


@dataclass(frozen=True, slots=True)
class Notices:
    """Notices that wait to be told: the age of the oldest in seconds, the targets that fail."""

    account_id: int
    count: int
    failing: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter of an account."""

    account_id: int
    name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Retention's pass through a table."""

    name: str
    ended_at: float | None
    seconds: float
    removed: int


@dataclass(frozen=True, slots=True)
class Table:
    """What a table takes."""

    name: str
    bytes: int
    dead: int


def read(connection: Connection[Any], settings: Settings, found: Collected) -> None:
    """Read it all as of one moment, the most wanted first."""
    with connection.transaction():
        execute(connection, SQL.in_time, {"limit": f"{LIMIT}ms"})
        accounts = {it.id: it for it in rows(connection, SQL.accounts, Account, {})}
        parameters = {"accounts": list(accounts)}
        for account in accounts.values():
            _account(account, settings, found)
        for paused in rows(connection, SQL.pauses, Paused, {}):
            if paused.account_id in accounts:
                name = accounts[paused.account_id].name
                found.put("endpoint_paused", 1, name, paused.endpoint)
        for jobs in rows(connection, SQL.jobs, Jobs, parameters):
            _jobs(accounts[jobs.account_id].name, jobs, found)
        for it in rows(connection, SQL.backlog, Waiting, parameters):
            lane = (accounts[it.account_id].name, it.endpoint, it.identifier_type)
            found.put("backlog_oldest_seconds", it.oldest or 0, *lane)
        for waiting in rows(connection, SQL.waiting, Enrichments, parameters):
            lane = (accounts[waiting.account_id].name, waiting.endpoint, waiting.identifier_type)
            found.put("backlog_enrichments", waiting.count, *lane)
        for told in rows(connection, SQL.notices, Notices, parameters):
            name = accounts[told.account_id].name
            found.put("notices_waiting", told.count, name)
            found.put("notices_oldest_seconds", told.oldest, name)
            found.put("notice_targets_failing", told.failing, name)
        for counted in rows(connection, SQL.counters, Counted, parameters):
            _counted(accounts[counted.account_id].name, counted, found)
        _budgets(connection, found)
        for passed in rows(connection, SQL.passes, Pass, {}):
            found.put("retention_passed_timestamp_seconds", passed.ended_at, passed.name)
            found.put("retention_pass_seconds", passed.seconds, passed.name)
            found.put("retention_removed_rows", passed.removed, passed.name)
        for table in rows(connection, SQL.tables, Table, {}):
            found.put("ledger_bytes", table.bytes, table.name)
            found.put("ledger_dead_rows", table.dead, table.name)


def _account(it: Account, settings: Settings, found: Collected) -> None:
    served = settings.served_account(it.name)
    kind = (it.paused_for if it.paused_for in KINDS else "operator") if it.paused else None
    for each in KINDS:
        found.put("account_paused", each == kind, it.name, each)
    for endpoint in ENDPOINTS:
        found.put("endpoint_paused", 0, it.name, endpoint)
    found.put("swept_timestamp_seconds", it.swept_at, it.name)
    found.put("looked_timestamp_seconds", it.looked_at, it.name)
    found.put("look_failures", it.look_failures, it.name)
    found.put("vendor_clock_ahead_seconds", it.clock_ahead, it.name)
    found.put("vendor_list_lag_seconds", it.list_lag, it.name)
    found.put("slots", min(it.slots, served.cap) if served else it.slots, it.name)
    found.put("slots_taken_by_others", it.foreign_active, it.name)
    for name in ("slots_held", "requests_open", "identifiers_waiting", "requests_total",
                 "identifiers_requested_total", "submissions_unresolved",
                 "submissions_unresolved_oldest_seconds", "notices_waiting",
                 "notices_oldest_seconds", "notice_targets_failing"):  # fmt: skip
        found.put(name, 0, it.name)
    for state in sorted(LIVE):
        found.put("jobs_oldest_seconds", 0, it.name, state)
    for outcome in OUTCOMES:
        found.put("identifiers_settled_total", 0, it.name, outcome)


def _budgets(connection: Connection[Any], found: Collected) -> None:
    for budget in budgets.standing(connection):
        found.put("budget_blocks", budget.blocks, budget.name)
        for unit in budget.capped:
            found.put("budget_cap", _float(budget.cap(unit)), budget.name, unit)
            found.put("budget_spent", _float(budget.spent(unit)), budget.name, unit)
            found.put("budget_reserved", _float(budget.reserved(unit)), budget.name, unit)


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _jobs(account: str, it: Jobs, found: Collected) -> None:
    lane = (account, it.endpoint, it.identifier_type)
    found.put("jobs", it.count, *lane, it.state)
    found.put("job_identifiers", it.identifiers, *lane, it.state)
    _raise(found, "jobs_oldest_seconds", it.oldest, account, it.state)
    if it.state in ACTIVE:
        found.add("slots_held", it.count, account)
    found.add("submissions_unresolved", it.unresolved, account)
    _raise(found, "submissions_unresolved_oldest_seconds", it.unresolved_oldest, account)


def _raise(found: Collected, name: str, value: float | None, *labels: str) -> None:
    before = found.values[f"enrichd_{name}"].get(labels, 0)
    found.put(name, max(before, value or 0), *labels)


def _counted(account: str, it: Counted, found: Collected) -> None:
    """One counter: those of requests with what they have lost, and those of the triggers."""
    match it.name.split(" "):
        case ["open_requests"]:
            found.put("requests_open", it.amount, account)
        case ["total"]:
            found.add("identifiers_requested_total", it.amount, account)
            found.add("identifiers_waiting", it.amount, account)
        case [outcome] if outcome in OUTCOMES:
            found.add("identifiers_settled_total", it.amount, account, outcome)
            found.add("identifiers_waiting", -it.amount, account)
        case ["metric", "requests"]:
            found.put("requests_total", it.amount, account)
        case ["metric", "less", "total"]:
            found.add("identifiers_requested_total", it.amount, account)
        case ["metric", "less", outcome] if outcome in OUTCOMES:
            found.add("identifiers_settled_total", it.amount, account, outcome)
        case ["metric", "moved", before, after, endpoint, of_type]:
            found.put("job_moves_total", it.amount, account, endpoint, of_type, before, after)
        case ["metric", "took", what, endpoint, of_type, bound]:
            found.count(f"job_{what}_seconds", bound, it.amount, account, endpoint, of_type)
        case ["metric", "spent", "credits", endpoint]:
            found.put("credits_spent_total", it.amount / 1e6, account, endpoint)
        case ["metric", "spent", "bought", endpoint]:
            found.put("records_bought_total", it.amount, account, endpoint)
        case ["metric", name, endpoint, of_type] if name in OF_LANES:
            found.put(OF_LANES[name], it.amount, account, endpoint, of_type)
