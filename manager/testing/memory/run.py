"""Carries scripts out on a ledger in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from manager.ledger.execute import Copy, Execute, point
from manager.ledger.script import Abandon, Command, Read, Script, T
from manager.testing.memory.budgets import Budgets
from manager.testing.memory.enqueue import Enqueue
from manager.testing.memory.estimate import Estimate
from manager.testing.memory.follow import Follow
from manager.testing.memory.ledger import MemoryLedger
from manager.testing.memory.lookup import Lookup
from manager.testing.memory.session import Session
from manager.testing.memory.targets import Targets

FILES: Mapping[str, type[Any]] = {
    "budgets": Budgets,
    "enqueue": Enqueue,
    "estimate": Estimate,
    "follow": Follow,
    "lookup": Lookup,
    "session": Session,
    "targets": Targets,
}
# Before its staging is complete a call has done nothing, and holds nothing.
UNLOCKED = ("session.swap", "enqueue.create_staging", "enqueue.copy_staging")


def run_in_memory(ledger: MemoryLedger, script: Script[T], source: object = None) -> T:
    """Carry the script out, as `manager.ledger.script.run` does on a connection."""
    with ExitStack() as held:
        transaction = _Transaction(ledger, source, held)
        try:
            command = next(script)
            while True:
                try:
                    answer = transaction.perform(command)
                except BaseException as error:
                    command = script.throw(error)
                else:
                    command = script.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except BaseException:
            transaction.roll_back()
            raise
        finally:
            script.close()


class _Transaction:
    """The statements of one call; the ledger is its own from the first one that needs it."""

    def __init__(self, ledger: MemoryLedger, source: object, held: ExitStack) -> None:
        self._ledger = ledger
        self._source = source
        self._held = held
        self._files: dict[str, Any] = {}

    def roll_back(self) -> None:
        """Undo what was done."""
        for file in self._files.values():
            file.roll_back()

    def perform(self, command: Command) -> list[Any]:
        """The rows that the statement returns."""
        match command:
            case Read():
                return command.following()
            case Abandon():
                return []
        name = point(command.sql)
        if name not in UNLOCKED:
            self._held.enter_context(self._ledger.changed)
        file, _, statement = name.partition(".")
        if file not in self._files:
            self._files[file] = FILES[file](self._ledger, self._source)
        do = getattr(self._files[file], statement)
        if isinstance(command, Copy):
            return list(do(command.rows))
        return [_row(command, values) for values in do(command.parameters)]


def _row(command: Execute, values: Any) -> Any:
    """The row as the class that was asked for; values by name, or that of the only column."""
    return command.row(**values) if isinstance(values, dict) and command.row else values
