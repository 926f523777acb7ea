"""Retain: remove from the ledger what is older than its settings say, or one too many.

A pass looks at each row of a table once, in the order of its key, a batch at a time: each batch is
a short transaction by an index that writes down how far it has come, so that another machine, or
this one after a restart, goes on from there. Then the table rests for twenty times as long as the
pass has worked. What others hold is passed over until the next pass.

What is live is never removed, nor what something that stays refers to: requests go first, then
results and enrichments that no request names, then jobs of which there is no result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.errors import LockNotAvailable

from manager import faultpoint
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, first, one, rows, transaction
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.forget import forget_ended

log = get_logger(__name__)

SQL, BUDGETS = Statements("retain"), Statements("hold")
COMMIT = faultpoint.point("retain.commit")
# Seconds of work in one run, and between two runs; seconds that a table rests at least.
BUDGET, EVERY = 15.0, 60.0
REST = 60.0
LOCK_WAIT = 1.0
_ZERO = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What stays: what is not older than that many days, and the newest so many; None: all."""

    days: float | None
    count: int | None

    @property
    def set(self) -> bool:
        """Whether anything is to be removed."""
        return self.days is not None or self.count is not None

    @property
    def age(self) -> timedelta | None:
        """The days as a timedelta."""
        return None if self.days is None else timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Batch:
    """place: the key of the last row that was looked at, None after the last of all."""

    place: str | None
    removed: int


Visit = Callable[[Connection[Any], dict[str, Any]], Batch]


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is gone through: what removes its next batch, and where a pass begins.

    asked_by: of which settings any suffices; none: whatever they say.
    """

    name: str
    visit: Visit
    first: str
    batch: int
    asked_by: tuple[str, ...] = ()


def retain(context: Context) -> list[Wake]:
    """Go on with retention where it is asked for; and with what keeps the ledger quick to read."""
    deadline = time.monotonic() + BUDGET
    with context.ledger.connect() as connection:
        forget_ended(connection)
        add_up(connection, context.settings)
        bounds = bounds_of(context.settings)
        for table in asked_for(bounds):
            with suppress(LockNotAvailable):  # the next run goes on there
                _go_on(connection, table, bounds, deadline)
    return []


def add_up(connection: Connection[Any], settings: Settings) -> None:
    """Make few rows of the many that counters have got; each statement a transaction of its own."""
    execute(connection, SQL.add_up)
    execute(connection, SQL.add_up_waiting)
    zone = {"timezone": settings.budget_timezone}
    execute(connection, SQL.add_up_hours, zone)
    execute(connection, SQL.add_up_days, zone)


def bounds_of(settings: Settings) -> dict[str, Bounds]:
    """What the settings let stay, by their name."""
    return {
        name: Bounds(
            getattr(settings, f"retain_{name}_days"),
            getattr(settings, f"retain_{name}_count", None),
        )
        for name in (*BOUGHT, "notices", "actions", "stats")
    }


def asked_for(bounds: dict[str, Bounds]) -> Iterator[Table]:
    """The tables of which something is to be removed."""
    for table in TABLES:
        if not table.asked_by or any(bounds[name].set for name in table.asked_by):
            yield table


def parameters_of(
    connection: Connection[Any], bounds: dict[str, Bounds], name: str
) -> dict[str, Any]:
    """What the statements of a table take: how old is too old, what is one too many."""
    if name not in bounds:
        return {}
    own = {"age": bounds[name].age, "beyond": _beyond(connection, bounds, name)}
    if name != "enrichments":
        return own
    return {
        "enrichments_age": own["age"],
        "enrichments_beyond": own["beyond"],
        "results_age": bounds["results"].age,
        "results_count": bounds["results"].count,
    }


def _beyond(connection: Connection[Any], bounds: dict[str, Bounds], name: str) -> str | None:
    count = bounds[name].count
    if count is None:
        return None
    sql = OLDEST[name]
    return first(connection, sql, str, {"count": count})


def _go_on(
    connection: Connection[Any], table: Table, bounds: dict[str, Bounds], deadline: float
) -> None:
    execute(connection, SQL.known, {"name": table.name})
    given: dict[str, Any] | None = None
    while time.monotonic() < deadline:
        with transaction(connection, COMMIT):
            limit_waiting(connection, LOCK_WAIT)
            asked = {"name": table.name, "first": table.first, "rest": REST}
            place = first(connection, SQL.place, str, asked)
            if place is None:
                return
            given = parameters_of(connection, bounds, table.name) if given is None else given
            execute(connection, SQL.by_index)
            parameters = given | {"place": place, "limit": table.batch}
            batch = table.visit(connection, parameters)
            said = {"name": table.name, "place": batch.place, "removed": batch.removed}
            execute(connection, SQL.went_on, said)
        if batch.removed:
            log.info("rows.removed", table=table.name, count=batch.removed)
        if batch.place is None:
            return


def _by(sql: LiteralString) -> Visit:
    def visit(connection: Connection[Any], parameters: dict[str, Any]) -> Batch:
        return one(connection, sql, Batch, parameters)

    return visit


def _enrichments(connection: Connection[Any], parameters: dict[str, Any]) -> Batch:
    """With their results. Locked first: what is asked then is true until the end."""
    last = first(connection, SQL.next_enrichments, str, parameters)
    if last is None:
        return Batch(None, 0)
    parameters = parameters | {"last": last}
    ids = rows(connection, SQL.lock_enrichments, int, parameters)
    if not ids:
        return Batch(last, 0)
    parameters["ids"] = ids
    results = execute(connection, SQL.remove_results, parameters)
    return Batch(last, results + execute(connection, SQL.remove_enrichments, parameters))


def _held(connection: Connection[Any], parameters: dict[str, Any]) -> Batch:
    """While no packer holds anything: what is held anew meanwhile must not be forgotten."""
    execute(connection, BUDGETS.lock)
    return one(connection, SQL.held, Batch, parameters)


OLDEST: dict[str, LiteralString] = {
    "requests": SQL.oldest_request,
    "enrichments": SQL.oldest_purchase,
    "jobs": SQL.oldest_job,
    "events": SQL.oldest_event,
    "strays": SQL.oldest_stray,
    "vendor_jobs": SQL.oldest_vendor_job,
    "notices": SQL.oldest_notice,
    "actions": SQL.oldest_action,
}
# What lanes and accounts hold; notices are removed by default, and are no reason to look at these.
BOUGHT = ("requests", "results", "enrichments", "jobs", "events", "strays", "vendor_jobs")
TABLES = (
    Table("requests", _by(SQL.requests), _ZERO, 5_000, ("requests",)),
    Table("enrichments", _enrichments, "0", 2_000, ("requests", "results", "enrichments")),
    Table("strays", _by(SQL.strays), "0", 1_000, ("strays",)),
    Table("events", _by(SQL.events), "0", 5_000, ("events",)),
    Table("jobs", _by(SQL.jobs), _ZERO, 500, ("jobs",)),
    Table("vendor_jobs", _by(SQL.vendor_jobs), "0 ", 2_000, ("vendor_jobs",)),
    Table("notices", _by(SQL.notices), "0", 2_000, ("notices",)),
    Table("targets", _by(SQL.targets), "0", 500, ("notices",)),
    Table("actions", _by(SQL.actions), "0", 500, ("actions",)),
    Table("held", _held, "0", 5_000),
    Table("lanes", _by(SQL.lanes), "0", 500, BOUGHT),
    Table("accounts", _by(SQL.accounts), "0", 100, BOUGHT),
    Table("stats", _by(SQL.stats), "0", 5_000),
)
