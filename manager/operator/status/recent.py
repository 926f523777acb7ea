"""What went wrong lately, until it is old or acknowledged: failures, and jobs that found little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from uuid import UUID

from manager.ledger.execute import one, rows
from manager.operator.problems import Problem, warning
from manager.operator.status.account import SQL, Looked
from manager.operator.words import counted, short

# A smaller job may find nothing by chance.
LEAST = 50
# How many standard deviations off what is usual is no chance.
FAR = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Jobs, and identifiers in jobs, that failed for one cause. id, why: of the last job."""

    jobs: int
    identifiers: int
    more: bool
    why: str
    id: UUID
    last: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """How much a job found, and what jobs of its lane usually do."""

    id: UUID
    asked: int
    found: int
    endpoint: str
    identifier_type: str
    ended_at: datetime
    usually_asked: int
    usually_found: int

    @property
    def is_unusual(self) -> bool:
        """Whether it is far less than usual; of a lane's first job, whether it is nothing."""
        if not self.usually_asked:
            return self.found == 0
        expected = self.asked * self.usually_found / self.usually_asked
        return self.found < expected / 2 and expected - self.found > FAR * sqrt(expected)


def problems(looked: Looked) -> Iterator[Problem]:
    """Failures by their cause, and lanes that suddenly find little."""
    now = one(looked.connection, SQL.now, datetime, {})
    shown = now - timedelta(seconds=looked.settings.failures_shown)
    known = looked.known.acknowledged.get(looked.row.id)
    parameters = looked.parameters | {"since": max(shown, known or shown)}
    done = f"`enrichd acknowledge{looked.option}` ends this warning."
    for failure in rows(looked.connection, SQL.failures, Failure, parameters):
        yield _failed(looked, failure, done)
    lanes = set()
    for it in rows(looked.connection, SQL.few_found, Found, parameters | {"least": LEAST}):
        lane = (it.endpoint, it.identifier_type)
        if it.is_unusual and lane not in lanes:
            lanes.add(lane)
            yield _few(looked, it, done)


def _failed(looked: Looked, it: Failure, done: str) -> Problem:
    more = "more than " if it.more else ""
    what = [counted(it.jobs, "job")] if it.jobs else []
    what += [more + counted(it.identifiers, "identifier")] if it.identifiers else []
    tried = "" if it.identifiers else "; its identifiers are tried again"
    return warning(
        "jobs-failed",
        f"{' and '.join(what)} failed, the last at {_at(it.last)}: {short(it.why)}{tried}",
        f"`enrichd jobs {it.id}` says more; `enrichd jobs retry {it.id} --dry-run` what buying it "
        f"again would cost. {done}",
        looked.row.name,
    )


def _few(looked: Looked, it: Found, done: str) -> Problem:
    usual = "and nothing is known of its lane before"
    if it.usually_asked:
        share = 100 * it.usually_found / it.usually_asked
        usual = f"where {share:.0f} % is usual"
    return warning(
        "few-found",
        f"job {it.id} found {it.found:,} of {it.asked:,} ({it.endpoint} by "
        f"{it.identifier_type.replace('_', ' ')}), {usual}, at {_at(it.ended_at)}",
        f"See what was asked for, `enrichd jobs {it.id}`; if that is right, ask the vendor. {done}",
        looked.row.name,
    )


def _at(time: datetime) -> str:
    return f"{time.astimezone(UTC):%H:%M:%S} UTC"
