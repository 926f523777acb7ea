"""Says who holds what a call has waited for in vain."""

from __future__ import annotations

from collections.abc import Sequence

from manager.errors import LockTimeoutError
from manager.ledger.holders import SQL, Holder, asked, named
from manager.ledger.script import Script, T, ask
from manager.settings import Settings


def naming_holders(settings: Settings, script: Script[T]) -> Script[T]:
    """Run the script; when it ends with a LockTimeoutError, look for who it has waited for."""
    try:
        return (yield from script)
    except LockTimeoutError as error:
        parameters = asked(settings.database_schema, settings.lock_timeout)
        try:
            found = yield from ask(SQL.holders, Holder, parameters)
        except Exception:
            found = []
        raise LockTimeoutError(f"{error} {_sentence(found)}") from error.__cause__


def _sentence(holders: Sequence[Holder]) -> str:
    if not holders:
        return "Who held it has ended by now, or is a prepared transaction; repeat the call."
    whoever = "they have" if len(holders) > 1 else "that has"
    return f"{named(holders)} Repeat the call when {whoever} committed or rolled back."
