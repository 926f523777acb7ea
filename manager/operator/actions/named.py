"""Actions on what no filter chooses: an account, a target or a notice by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from psycopg import Connection

from manager.operator.actions.action import Action, Actor, Ask, Done, Preview
from manager.operator.actions.recorded import record, record_objects
from manager.operator.record import Record
from manager.steps.context import Context


@dataclass(frozen=True, slots=True)
class ChosenOne:
    """One object by its name, or id."""

    name: str
    kind: str

    @property
    def query(self) -> str:
        """As a URL's query."""
        return urlencode(self.parameters)

    @property
    def parameters(self) -> dict[str, Any]:
        """As statements take it."""
        return {self.kind: self.name}


@dataclass(frozen=True, slots=True)
class ChosenAccount(ChosenOne):
    """An account by its name."""

    kind: str = "account"


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it, in words and in numbers."""

    said: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnNamed:
    """subject: how it is called in a sentence; it raises NotFoundError. act: does it, writes it
    down in its transaction, and may say what came of it.
    """

    subject: Callable[[Connection[Any], str, dict[str, Any]], str]
    act: Callable[[Context, str, dict[str, Any], Record], Came | None]

    def preview(self, action: Action, ask: Ask) -> Preview:
        """What it would do. Raises NotFoundError."""
        return Preview(1, 0, 0, Decimal(0), f"{action.label}: {self._subject(ask)}.")

    def perform(self, action: Action, ask: Ask, actor: Actor) -> Done:
        """Do it. Raises NotFoundError, and what keeps it from being done."""
        kind, name = ask.chosen.kind, _name(ask)
        subject = self._subject(ask)

        def write_down(connection: Connection[Any]) -> None:
            action_id = record(connection, action, ask, actor, {f"{kind}s": 1})
            record_objects(connection, action_id, [(kind, name)])

        came = self.act(ask.context, name, ask.values, write_down) or Came("")
        return Done(1, f"{action.done}: {subject}. {came.said}".rstrip(), came.counts)

    def _subject(self, ask: Ask) -> str:
        with ask.context.ledger.connect() as connection:
            return self.subject(connection, _name(ask), ask.values)


def _name(ask: Ask) -> str:
    return str(ask.chosen.parameters[ask.chosen.kind])
