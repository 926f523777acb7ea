"""Jobs that something goes wrong with, though they are still tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from manager.ledger.execute import one, rows
from manager.operator.problems import Problem, problem, warning
from manager.operator.status.account import SQL, Looked
from manager.operator.words import counted, duration, short

MERGE_PATIENCE = timedelta(seconds=60)
# Seconds after which what became of a submission will hardly be found out without an operator.
UNRESOLVED_PATIENCE = 1800.0
RETRIED = "Nothing need be done: it is tried again."


@dataclass(frozen=True, slots=True)
class Unmerged:
    """Jobs whose results wait, and for how many seconds."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Troubled:
    """Jobs that the same goes wrong with. id: of the one that was tried most. Times in seconds."""

    kind: str
    count: int
    id: UUID
    error: str
    failures: int
    seconds: float
    next_try: datetime


def problems(looked: Looked) -> Iterator[Problem]:
    """What goes wrong, kind by kind."""
    yield from _unmerged(looked)
    parameters = looked.parameters | {"paused": looked.row.paused_reason is not None}
    for found in rows(looked.connection, SQL.troubled_jobs, Troubled, parameters):
        match found.kind:
            case "submission":
                yield _submission(looked, found)
            case "unresolved":
                yield _unresolved(looked, found)
            case "results":
                yield _results(looked, found)
            case _ if looked.row.look_error is None:  # else that says it for all of them
                yield _poll(looked, found)


def _unmerged(looked: Looked) -> Iterator[Problem]:
    parameters = looked.parameters | {"patience": MERGE_PATIENCE}
    waiting = one(looked.connection, SQL.unmerged, Unmerged, parameters)
    if not waiting.count:
        return
    mergers = [
        it.presence
        for it in looked.known.seen or ()
        if it.alive and "merge" in it.presence.queues and looked.row.name in it.presence.accounts
    ]
    text = (
        f"the results of {counted(waiting.count, 'job')} wait for {duration(waiting.seconds)} "
        "to be merged"
    )
    if mergers:
        who = ", ".join(f"{it.name} (pid {it.pid} on {it.host})" for it in mergers)
        text += f", though {who} takes from the queue enrichd.merge"
        way_out = f"See its log: it is busy, or hangs. `kill -9 {mergers[0].pid}` has it replaced."
    else:
        text += "; no worker takes from the queue enrichd.merge"
        way_out = "Start `enrichd worker --queues enrichd.merge`, or `enrichd up`."
    yield problem("results-waiting", text, way_out, looked.row.name)


def _submission(looked: Looked, found: Troubled) -> Problem:
    return warning(
        "submission-failing",
        f"{counted(found.count, 'job')} could not be submitted ({_tries(found)}): "
        f"{short(found.error)}",
        RETRIED,
        looked.row.name,
    )


def _unresolved(looked: Looked, found: Troubled) -> Problem:
    since = f"for {duration(found.seconds)}"
    if found.seconds < UNRESOLVED_PATIENCE:
        return warning(
            "submission-unresolved",
            f"the vendor's answer to {counted(found.count, 'submission')} was lost {since}: "
            "whether it has the job is being found out, and until then its slot is held: "
            f"{_found_out(found)}",
            "Nothing need be done: it is taken up if the vendor has it, else sent again.",
            looked.row.name,
        )
    return problem(
        "operator-needed",
        f"whether the vendor has job {found.id} could not be found out {since}, and its slot is "
        f"held: {_found_out(found)}",
        f"See in the vendor's dashboard, then `enrichd resolve {found.id} --adopt BATCH_ID` or "
        "`--send-again`.",
        looked.row.name,
    )


def _found_out(found: Troubled) -> str:
    """Of its reason what the sentence does not say already."""
    return short(found.error.removeprefix("unresolved: "))


def _results(looked: Looked, found: Troubled) -> Problem:
    return warning(
        "results-failing",
        f"the results of {counted(found.count, 'job')} cannot be had for "
        f"{duration(found.seconds)} ({_tries(found)}): {short(found.error)}",
        RETRIED,
        looked.row.name,
    )


def _poll(looked: Looked, found: Troubled) -> Problem:
    return warning(
        "polls-failing",
        f"the vendor does not say how {counted(found.count, 'job')} at work there "
        f"{'is' if found.count == 1 else 'are'} ({_tries(found)}): {short(found.error)}",
        RETRIED,
        looked.row.name,
    )


def _tries(found: Troubled) -> str:
    times = f"{counted(found.failures, 'time')} in a row" if found.failures else "once"
    return f"{times}, next at {found.next_try.astimezone(UTC):%H:%M:%S} UTC"
