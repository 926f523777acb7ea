"""Slots that are held for too long, or taken by others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from manager.ledger.execute import one, rows
from manager.operator.problems import Problem, problem, warning
from manager.operator.status.account import SQL, Looked
from manager.operator.words import counted, duration

# A job is not overdue before that many seconds, and when nothing is known of those like it.
OVERDUE_LEAST, OVERDUE_UNKNOWN = 600.0, 1800.0


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that is at the vendor for far longer than those like it took, in seconds."""

    id: UUID
    age: float
    longest: float | None
    vendor_status: str | None


def problems(looked: Looked) -> Iterator[Problem]:
    """Jobs that do not end, and others' jobs, where they keep ours from being submitted."""
    standing, name = looked.standing, looked.row.name
    waiting = one(looked.connection, SQL.waiting_jobs, int, looked.parameters)
    if waiting and not standing.slots_free and standing.foreign_active:
        yield warning(
            "slots-taken",
            f"{counted(waiting, 'job')} wait{'s' if waiting == 1 else ''}: "
            f"{standing.foreign_active} of {standing.cap} slots are others'",
            "Nothing need be done: what waits is submitted when others' jobs end. "
            "`enrichd vendor-jobs --whose foreign` shows these.",
            name,
        )
    parameters = looked.parameters | {
        "least": OVERDUE_LEAST,
        "unknown": OVERDUE_UNKNOWN,
        "factor": looked.settings.overdue_factor,
    }
    overdue = rows(looked.connection, SQL.overdue_jobs, Overdue, parameters)
    stuck = waiting > 0 and not standing.slots_free and len(overdue) == standing.slots_held
    for job in overdue:
        usual = f"; those like it took {duration(job.longest)} at most" if job.longest else ""
        say = problem if stuck else warning
        stands = job.vendor_status or "at the vendor"
        yield say(
            "job-overdue",
            f"job {job.id} is {stands} for {duration(job.age)}{usual}",
            f"`enrichd jobs give-up {job.id}` frees its slot, if it is not to be waited for.",
            name,
        )
