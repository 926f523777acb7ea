"""Actions on everything that was chosen at once: it is put down in a table of the transaction,
locked in key order, held against what has changed meanwhile, and then done by a few statements.

The preview puts the same down, and rolls back: so the two are of the same set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable

from manager import faultpoint
from manager.client.budgets import refuse_beyond_budgets
from manager.errors import UnavailableError
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, rows, transaction
from manager.ledger.script import run
from manager.ledger.sql import Statements
from manager.operator.actions.action import Action, Actor, Ask, Done, Preview
from manager.operator.actions.recorded import record, record_set
from manager.operator.chosen import reading
from manager.operator.held import holders
from manager.operator.words import counted
from manager.settings import Settings

SQL = reading(Statements("actions"))
COMMIT = faultpoint.point("action.commit")
NOUNS = {"account": "account", "lane": "lane", "request": "request", "job": "job"}
NOUNS |= {"enrichment": "enrichment", "stray": "stray envelope"}
# What is of one identifier each.
ONE_EACH = {"enrichment", "stray envelope"}


@dataclass(frozen=True, slots=True)
class Part:
    """Of an account and an endpoint: objects, identifiers, and the most records that are bought."""

    account: str
    endpoint: str
    objects: int
    identifiers: int
    records: int


@dataclass(frozen=True, slots=True)
class Bought:
    """How many purchases the action has begun for a tag."""

    tag: str | None
    records: int


@dataclass(slots=True)
class Acting:
    """An action under way. made: ids of the requests that it has made."""

    connection: Connection[Any]
    settings: Settings
    values: dict[str, Any]
    parts: list[Part]
    actor: Actor
    made: list[str] = field(default_factory=list)

    def run(self, sql: LiteralString, **more: Any) -> int:
        """Run a statement with the action's values; the number of rows it touched."""
        return execute(self.connection, sql, self.parameters | more)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements take."""
        return self.values | {"priority_step": f"{self.settings.priority_step} seconds"}


@dataclass(frozen=True, slots=True)
class OnSet:
    """find: puts down what it is about. locks: in this order. still: takes out again what is not
    so any more. act: does it; how many of what it has touched besides.
    """

    find: LiteralString
    locks: tuple[LiteralString, ...]
    act: Callable[[Acting], Mapping[str, int]]
    still: LiteralString | None = None

    def preview(self, action: Action, ask: Ask) -> Preview:
        """What it would do."""
        with ask.context.ledger.connect() as connection:
            parts = find_parts(connection, ask, self.find, self.still)
        return previewed(action, ask, parts)

    def perform(self, action: Action, ask: Ask, actor: Actor) -> Done:
        """Do it, all or nothing. Raises UnavailableError when others hold some of it too long."""
        settings = ask.context.settings
        with (
            held_by_others(action, ask),
            ask.context.ledger.connect() as connection,
            transaction(connection, COMMIT),
        ):
            limit_waiting(connection, settings.merge_lock_timeout)
            if action.effect == "spends":
                execute(connection, SQL.enter_budgets)
            put_down(connection, ask, self.find)
            for lock in self.locks:
                execute(connection, lock)
            parts = _what_is_still(connection, ask, self.still)
            if not parts:
                return Done(0, nothing(action))
            acting = Acting(connection, settings, ask.values, parts, actor)
            identifiers = sum(part.identifiers for part in parts)
            counts = {"identifiers": identifiers} | dict(self.act(acting))
            _refuse_beyond_budgets(acting)
            count = sum(part.objects for part in parts)
            action_id = record(connection, action, ask, actor, {f"{action.kind}s": count} | counts)
            record_set(connection, action, action_id)
            execute(connection, SQL.wake)
        sentence = f"{action.done}: {_subject(action, count, identifiers)}."
        return Done(count, sentence, counts, made=tuple(acting.made))


def _refuse_beyond_budgets(acting: Acting) -> None:
    """Raise BudgetError when a hard budget is passed by what waits now."""
    for part in acting.parts:
        if not part.records:
            continue
        for tag, records in _bought(acting, part):
            run(
                acting.connection,
                refuse_beyond_budgets(part.account, part.endpoint, tag, records),
            )


def _bought(acting: Acting, part: Part) -> list[tuple[str | None, int]]:
    parameters = {"account": part.account, "endpoint": part.endpoint}
    return [(it.tag, it.records) for it in rows(acting.connection, SQL.bought, Bought, parameters)]


def put_down(connection: Connection[Any], ask: Ask, find: LiteralString) -> None:
    """Put down what is chosen, in this transaction."""
    execute(connection, SQL.create_set)
    execute(connection, find, ask.values | ask.chosen.parameters)
    execute(connection, SQL.analyze_set)


def find_parts(
    connection: Connection[Any], ask: Ask, find: LiteralString, still: LiteralString | None
) -> list[Part]:
    """What is chosen, by account and endpoint; nothing of it stays."""
    with connection.transaction(force_rollback=True):
        put_down(connection, ask, find)
        return _what_is_still(connection, ask, still)


def _what_is_still(
    connection: Connection[Any], ask: Ask, still: LiteralString | None
) -> list[Part]:
    if still is not None:
        execute(connection, still, ask.values)
    return rows(connection, SQL.parts, Part, {})


@contextmanager
def held_by_others(action: Action, ask: Ask) -> Iterator[None]:
    """Raise UnavailableError for what others have held too long, and say who."""
    try:
        yield
    except (LockNotAvailable, DeadlockDetected):
        raise UnavailableError(
            f"Nothing was done ({action.label.lower()}): other transactions, such as a caller's, "
            f"hold some of it. {holders(ask.context)}Try again in a moment."
        ) from None


def previewed(action: Action, ask: Ask, parts: list[Part]) -> Preview:
    """What it comes to, and costs at most."""
    count = sum(part.objects for part in parts)
    identifiers = sum(part.identifiers for part in parts)
    records = sum(part.records for part in parts)
    credits = _credits(ask, parts)
    if not count:
        return Preview(0, 0, 0, Decimal(0), nothing(action))
    sentence = f"{action.label}: {_subject(action, count, identifiers)}."
    if action.effect == "spends":
        sentence += f" It buys {counted(records, 'record')} at most"
        sentence += (
            f", for {credits:,f} credits." if credits is not None else "; prices are not set."
        )
    return Preview(count, identifiers, records, credits, sentence)


def nothing(action: Action) -> str:
    """What is said when there is nothing to do."""
    return f"{action.label}: there is nothing to do. {action.unless}".rstrip()


def _subject(action: Action, count: int, identifiers: int) -> str:
    one = NOUNS[action.kind]
    subject = counted(count, one)
    return subject if one in ONE_EACH else f"{subject}, {counted(identifiers, 'identifier')}"


def _credits(ask: Ask, parts: list[Part]) -> Decimal | None:
    """The most that it costs; None where a price is not known."""
    total = Decimal(0)
    for part in parts:
        served = ask.context.settings.served_account(part.account)
        price = served.price(part.endpoint) if served and part.records else None
        if part.records and price is None:
            return None
        total += part.records * (price or 0)
    return total
