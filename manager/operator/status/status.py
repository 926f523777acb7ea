"""Status: everything that an operator wants to know first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from manager.ledger import revision
from manager.operator import budgets
from manager.operator.accounts import known_names
from manager.operator.problems import Problem, problem
from manager.operator.status import (
    jobs,
    notices,
    pauses,
    pulse,
    recent,
    redis,
    restarts,
    slots,
    vendor,
)
from manager.operator.status.account import AccountStatus, Looked, accounts, standing
from manager.operator.status.unavailable import of_ledger
from manager.operator.trouble import TROUBLE, named
from manager.semaphore import Calls
from manager.steps.context import Context

LOOKS: tuple[Callable[[Looked], Iterator[Problem]], ...] = (
    pauses.problems,
    pulse.problems,
    restarts.problems,
    jobs.problems,
    slots.problems,
    vendor.problems,
    recent.problems,
    notices.problems,
)
"""What is looked at of each account, the worst first."""


@dataclass(slots=True)
class Status:
    """What an operator wants to know first.

    `problems` is empty when the daemon can work; `warnings` do not keep it from working.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    accounts: list[AccountStatus] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the daemon can work."""
        return not self.problems

    def add(self, found: Iterable[Problem]) -> None:
        """Add these, each where it belongs."""
        told = {it.code for it in self.problems + self.warnings if it.account is None}
        for it in found:
            if it.account is None and it.code in told:  # of all accounts alike
                continue
            (self.problems if it.severity == "problem" else self.warnings).append(it)

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
            all_of_them = accounts(connection)
            listed = [row for row in all_of_them if name in (None, row.name)]
            if not listed:
                found.add([_no_account(name, known_names(connection))])
            known = redis.known(context, listed)
            for row in listed:
                made = standing(connection, context.settings, row)
                option = f" --account {row.name}" if len(all_of_them) > 1 else ""
                looked = Looked(connection, context.settings, row, made, option, known)
                found.accounts.append(made)
                for look in LOOKS:
                    found.add(look(looked))
            found.add(budgets.problems(connection, name))
    except TROUBLE as error:
        found.add([of_ledger(named(error))])
        found.accounts.clear()
    found.add(redis.look(context, found.accounts, quiet=not found.ok))
    return found


def _no_account(name: str | None, known: list[str]) -> Problem:
    if name is None or not known:
        text = "the ledger has no account"
        return problem("account-unknown", text, "Run `enrichd db upgrade`.")
    text = f"there is no account {name!r} in the ledger; it has: {', '.join(known)}"
    return problem("account-unknown", text, "Name one of these.")


def _calls(calls: Calls) -> dict[str, Any]:
    until = calls.blocked_until
    return calls._asdict() | {"blocked_until": until.isoformat() if until else None}
