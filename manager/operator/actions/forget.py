"""Forget, as an action: of identifiers, or of what was chosen. Of whom is not written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection

from manager.errors import InvalidRequestError
from manager.ledger.execute import rows
from manager.operator import forget
from manager.operator.actions.action import Action, Actor, Argument, Ask, Done, Preview
from manager.operator.actions.on_set import SQL, nothing
from manager.operator.actions.recorded import record, record_enrichments
from manager.operator.words import counted
from manager.steps.forget import Named


@dataclass(frozen=True, slots=True)
class Forget:
    """The body of the action; `find` is for who shows what is held before."""

    def find(self, ask: Ask) -> forget.Found:
        """What is held. Raises InvalidRequestError."""
        values = ask.values
        if values["identifiers"]:
            named = forget.named(values["identifiers"], values["type"])
        elif not ask.chosen.query:
            raise InvalidRequestError("Name what is to be forgotten, or choose it by a filter.")
        else:
            with ask.context.ledger.connect() as connection:
                named = rows(connection, SQL.named, Named, ask.chosen.parameters)
        return forget.find_named(ask.context, named, only=values["only"])

    def preview(self, action: Action, ask: Ask) -> Preview:
        """What it would remove."""
        found = self.find(ask)
        if not (found.held or found.strays or found.kept):
            return Preview(0, 0, 0, Decimal(0), nothing(action))
        besides = (
            counted(found.strays, "stray envelope"),
            counted(len(found.kept), "kept file"),
        )
        sentence = (
            f"{action.label}: {counted(len(found.held), 'enrichment')}; besides "
            f"{' and '.join(besides)}."
        )
        count = len(found.held) + found.strays + len(found.kept)
        return Preview(count, len(found.held), 0, Decimal(0), sentence)

    def perform(self, action: Action, ask: Ask, actor: Actor) -> Done:
        """Remove it. Raises UnavailableError when a caller's transaction holds it."""
        found = self.find(ask)
        if not (found.held or found.strays or found.kept):
            return Done(0, nothing(action))

        def write_down(connection: Connection[Any]) -> None:
            counts = {"enrichments": len(found.held), "strays": found.strays}
            action_id = record(connection, action, ask, actor, counts, filter="")
            record_enrichments(connection, action_id, [it.id for it in found.held])

        done = forget.forget(ask.context, found, write_down)
        return Done(len(found.held), forget.sentence(done), asdict(done))


BODY = Forget()
FORGET = Action(
    "enrichment",
    "forget",
    "Forget",
    "Forgotten",
    "discards",
    BODY,
    (
        Argument("identifiers", "instead of what is chosen, one a line", "lines", private=True),
        Argument("type", "what they are; by default whatever they can be"),
        Argument(
            "only",
            "leave the same company or person under other identifiers",
            "flag",
            default=False,
        ),
    ),
    note=forget.STAYS,
)
"""Remove what is held of companies or people."""
