"""Pauses: an account, an endpoint or a lane of it, of which nothing new is submitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from manager.errors import amount
from manager.ledger.execute import rows
from manager.ledger.states import LIVE, JobState
from manager.operator import budgets
from manager.operator.problems import Problem, problem, warning
from manager.operator.status.account import SQL, Looked
from manager.operator.words import counted, short

# By what an account is paused for: the code, and what is to be done before it is resumed.
BEFORE = {
    "no_credits": ("no-credits", "Buy credits, then "),
    "unauthorized": ("key-refused", "Set the right key and restart, then "),
    "refused": ("submissions-refused", "See why `enrichd jobs --state rejected` were, then "),
    "no_key": ("key-missing", ""),
}


@dataclass(frozen=True, slots=True)
class PausedLane:
    """A lane that an operator has paused."""

    id: int
    endpoint: str
    identifier_type: str
    reason: str


def problems(looked: Looked) -> Iterator[Problem]:
    """Each pause, and what ends it."""
    row = looked.row
    if row.paused_reason is not None:
        code, way_out = pause_of(row.paused_for, looked.option)
        text = f"paused: {short(row.paused_reason)}"
        if code == "no-credits":
            text += _spent(looked)
        elif code == "account-paused":
            text += _left(looked)
        yield problem(code, text, way_out, row.name)
    for endpoint, reason in looked.standing.paused_endpoints.items():
        text = f"{endpoint} is paused: {short(reason)}"
        way_out = f"`enrichd resume{looked.option}` when it may be used."
        yield problem("endpoint-paused", text, way_out, row.name)
    for lane in rows(looked.connection, SQL.paused_lanes, PausedLane, looked.parameters):
        text = f"lane {lane.id} ({lane.endpoint}, {lane.identifier_type}) is paused: {lane.reason}"
        yield warning("lane-paused", text, f"`enrichd lanes resume {lane.id}`.", row.name)


def pause_of(paused_for: str | None, option: str) -> tuple[str, str]:
    """The code of a pause, and its way out. option: how a command names the account."""
    code, first = BEFORE.get(paused_for or "", ("account-paused", ""))
    if code == "key-missing":
        return code, "Set its key, and restart."
    return code, f"{first}`enrichd resume{option}`{'' if first else ' lets it go on'}."


def _left(looked: Looked) -> str:
    """Whether it is drained."""
    jobs = looked.standing.jobs
    left = sum(count for state, count in jobs.items() if state in LIVE - {JobState.PACKED})
    if not left:
        return "; nothing is at the vendor or to be merged"
    are = "is" if left == 1 else "are"
    return f"; {counted(left, 'job')} {are} still at the vendor or to be merged"


def _spent(looked: Looked) -> str:
    """What was spent by our own count, beside what the vendor says."""
    spent = budgets.spent(looked.connection, looked.settings, looked.row.id)
    today, month = amount(spent.today), amount(spent.month)
    return f" (by our count {today} credits were spent today, {month} this month)"
