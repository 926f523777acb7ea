"""Those who are to be told, and could not be; and notices that nobody tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from manager.ledger.execute import rows
from manager.operator.notices import SQL, shown
from manager.operator.problems import Problem, warning
from manager.operator.status.account import Looked
from manager.operator.words import counted, duration

# Seconds that a due notice may wait before somebody should know.
LATE = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What somebody should know of a target: what, of how many notices, for how many seconds."""

    kind: str
    address: str
    count: int
    seconds: float | None
    error: str | None


def problems(looked: Looked) -> Iterator[Problem]:
    """What somebody should know of those who are to be told."""
    name = looked.row.name
    parameters = looked.parameters | {"late": timedelta(seconds=LATE)}
    for it in rows(looked.connection, SQL.trouble, Trouble, parameters):
        yield _trouble(it, name)


def _trouble(it: Trouble, account: str) -> Problem:
    who, why = shown(it.address), f": {it.error}" if it.error else ""
    for_long = duration(it.seconds or 0)
    again = "`enrichd notices targets` lists them, `enrichd notices retry --target ID` tries again."
    match it.kind:
        case "gone":
            return warning(
                "target-gone",
                f"{who} has said that it is gone (410), {for_long} ago; it is told nothing more",
                f"Take it out of notify, or when it is back: {again}",
                account,
            )
        case "paused":
            return warning(
                "target-paused",
                f"{who} takes no notice for {for_long}{why}; it is tried rarely, and "
                f"{counted(it.count, 'notice')} wait",
                f"Mend it; {again}",
                account,
            )
        case "failing":
            return warning(
                "target-failing",
                f"{who} takes no notice for {for_long}{why}; {counted(it.count, 'notice')} wait",
                "Nothing need be done if it comes back: they are tried again.",
                account,
            )
        case "abandoned":
            return warning(
                "notices-abandoned",
                f"{who} was not told of {counted(it.count, 'notice')}, "
                f"the last {for_long} ago{why}",
                f"`enrichd notices list --state abandoned` shows what; {again}",
                account,
            )
        case _:
            return warning(
                "notices-late",
                f"notices wait for {for_long}; no worker of the queue enrichd.tell is at work",
                "Start `enrichd worker --queues enrichd.tell`.",
                account,
            )
