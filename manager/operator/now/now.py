"""Now: how things stand, all of it, in one look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from manager.operator.now.backlog import Backlog, backlog
from manager.operator.now.moves import Move, moves
from manager.operator.now.pace import Period, pace
from manager.operator.now.timeline import Timeline, timeline
from manager.operator.status import AccountStatus, Status, status
from manager.operator.status.unavailable import of_ledger
from manager.operator.trouble import TROUBLE, named
from manager.settings import Settings
from manager.steps.context import Context

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE_LONG, HOUR_LONG = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class AccountNow:
    """What one account is at.

    timeline: of the last hour. backlog: of each lane that has anything to do, the first in line
    first. minutes, hours: what was got through in each minute of the last hour, each hour of the
    last day, the oldest first. Calls used and allowed are in `standing.calls`.
    """

    standing: AccountStatus
    timeline: Timeline
    backlog: Sequence[Backlog]
    minutes: Sequence[Period]
    hours: Sequence[Period]

    @property
    def done_at(self) -> datetime | None:
        """When all that waits is probably done; None when nothing waits, or that is not known."""
        ends = [it.forecast.done_at for it in self.backlog]
        known = [it for it in ends if it is not None]
        return max(known) if known and len(known) == len(ends) else None


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand. Without the ledger, which cannot be read then, only the status' problems.

    moves: the last ones of jobs, the latest first.
    """

    at: datetime
    status: Status
    accounts: Sequence[AccountNow] = ()
    moves: Sequence[Move] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        standings = self.status.as_dict()
        accounts = []
        for it, standing in zip(self.accounts, standings["accounts"], strict=True):
            accounts.append(asdict(it) | {"standing": standing, "done_at": it.done_at})
        return standings | {
            "at": self.at,
            "accounts": accounts,
            "moves": [asdict(it) for it in self.moves],
        }


def now(context: Context, account: str | None = None) -> Now:
    """Look; raises nothing, every trouble is a problem of its status.

    account: the only one to look at; else all that the ledger has.
    """
    found = status(context, account)
    at = datetime.now(UTC)
    try:
        with context.ledger.connect() as connection:
            return Now(
                at,
                found,
                [account_now(connection, context.settings, it) for it in found.accounts],
                moves(connection, account),
            )
    except TROUBLE as error:
        if found.accounts:  # else the status says it already
            found.add([of_ledger(named(error))])
            found.accounts.clear()
        return Now(at, found)


def account_now(
    connection: Connection[Any], settings: Settings, standing: AccountStatus
) -> AccountNow:
    """What the account is at."""
    at = datetime.now(UTC)
    line = timeline(connection, standing, at - HOUR, at)
    return AccountNow(
        standing,
        line,
        backlog(connection, settings, standing, line, at),
        pace(connection, standing.id, at - HOUR, MINUTE_LONG),
        pace(connection, standing.id, at - DAY, HOUR_LONG),
    )
