"""Says who holds what a call has waited for in vain, and since when."""

from __future__ import annotations

from dataclasses import dataclass

from manager.errors import LockTimeoutError
from manager.ledger.script import Script, T, ask
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("holders")
# What a call may have to wait for.
TABLES = ("account", "lane", "request", "enrichment")


@dataclass(frozen=True, slots=True)
class Holder:
    """A session with a transaction. `since`: in UTC; what the role may not see is None."""

    pid: int
    application: str | None
    role: str | None
    address: str | None
    since: str | None
    state: str | None

    def __str__(self) -> str:
        named = f" ({self.application})" if self.application else ""
        place = f" from {self.address}" if self.address else ""
        since = f", since {self.since} UTC" if self.since else ""
        state = f", {self.state}" if self.state else ""
        return f"pid {self.pid}{named} of role {self.role}{place}{since}{state}"


def naming_holders(settings: Settings, script: Script[T]) -> Script[T]:
    """Run the script; when it ends with a LockTimeoutError, look for who it has waited for."""
    try:
        return (yield from script)
    except LockTimeoutError as error:
        parameters = {
            "schema": settings.database_schema,
            "tables": list(TABLES),
            "waited": settings.lock_timeout,
        }
        try:
            found = yield from ask(SQL.holders, Holder, parameters)
        except Exception:
            found = []
        raise LockTimeoutError(f"{error} {_sentence(found)}") from error.__cause__


def _sentence(holders: list[Holder]) -> str:
    match holders:
        case []:
            return "Who held it has ended by now, or is a prepared transaction; repeat the call."
        case [holder]:
            return (
                f"It is held by {holder}. Repeat the call when that has committed or rolled back."
            )
        case _:
            return (
                f"It is held by one of these: {'; '.join(map(str, holders))}. Repeat the call when "
                "they have committed or rolled back."
            )
