"""Drain: submit nothing new, and wait until the vendor has nothing of ours and all is merged.

As one wants it before a deploy, or before a key is replaced. What waits stays in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from manager.errors import WaitTimeoutError
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.actions import Actor, ChosenAccount, perform
from manager.operator.words import counted
from manager.steps.context import Context

SQL = Statements("actions")
REASON = "drained"
LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """What an account's drain waits for: jobs that the vendor has, or may have, and jobs whose
    results are not merged yet; identifiers in both.
    """

    account: str
    paused_reason: str | None
    active: int
    unmerged: int
    identifiers: int

    @property
    def drained(self) -> bool:
        """Whether nothing is left."""
        return not (self.active or self.unmerged)

    def __str__(self) -> str:
        """In words."""
        jobs = f"{counted(self.active, 'job')} at the vendor, {self.unmerged:,} to be merged"
        return f"account {self.account}: {jobs}, {counted(self.identifiers, 'identifier')}"


def left(context: Context, account: str | None) -> list[Left]:
    """What is left to wait for, of each account or of that one."""
    with context.ledger.connect() as connection:
        return rows(connection, SQL.drain_left, Left, {"account": account})


def begin(context: Context, account: str | None, actor: Actor) -> list[str]:
    """Pause the accounts that are not paused; the names of these, and of those that an earlier
    drain has paused.
    """
    found = left(context, account)
    for it in found:
        if it.paused_reason is None:
            chosen = ChosenAccount(it.account)
            perform(context, "account.pause", chosen, {"reason": REASON}, actor)
    return [it.account for it in found if it.paused_reason in (None, REASON)]


def resume(context: Context, names: list[str], actor: Actor) -> None:
    """Let those submit again that the drain has paused."""
    for name in names:
        perform(context, "account.resume", ChosenAccount(name), {}, actor)


def wait(
    context: Context,
    account: str | None,
    timeout: float | None,
    show: Callable[[list[Left]], None],
) -> None:
    """Return when nothing is left. Raises WaitTimeoutError after so many seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        now = left(context, account)
        show(now)
        waited_for = [it for it in now if not it.drained]
        if not waited_for:
            return
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeoutError(
                f"Not drained after {timeout:g} s: {'; '.join(map(str, waited_for))}. "
                "Nothing new is submitted until `enrichd resume`; `enrichd drain` waits on."
            )
        time.sleep(LOOK if deadline is None else min(LOOK, max(0.0, deadline - time.monotonic())))
