"""An object as its page shows it: what its values are, and which of them lead to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Connection

from manager.errors import NotFoundError
from manager.operator.chosen import Kind, choose
from manager.operator.history import History, Subject, history
from manager.operator.ids import whole_id
from manager.operator.listing import page
from manager.operator.whole import WholeRequest
from manager.web.console.asked import Asked
from manager.web.console.kinds import SHOWN, Link, job_link
from manager.web.console.log_lines import Line
from manager.web.console.page import Elsewhere
from manager.web.console.templates import url

# So many of the newest events are shown.
EVENTS = 300
ELSEWHERE = {"request_id", "stray_id", "metadata", "state", "envelope"}
NO_NOTES: Mapping[str, str] = {}
Value = str | int | datetime | timedelta | Decimal | Link | None


class Fact(NamedTuple):
    """A thing that is known of an object, and what its name does not say by itself."""

    value: Value
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """An object as its page shows it. facts: by name, in order; links: to lists of what belongs to
    it; downloads: files; lines: of logs; text: what it holds.
    """

    kind: str
    name: str
    about: str
    state: str
    facts: Mapping[str, Fact]
    links: Sequence[tuple[str, str]] = ()
    downloads: Sequence[tuple[str, str]] = ()
    acts: Sequence[tuple[str, str]] = ()
    events: Sequence[Any] = ()
    complete: bool = True
    lines: Sequence[Line] = ()
    progress: WholeRequest | None = None
    metadata: Any = None
    text: str | None = None


def whole_id_of(connection: Connection[Any], kind: Kind, asked: Asked) -> str:
    """The whole id that the path names. Raises NotFoundError; Elsewhere for its beginning."""
    given = asked.named["id"]
    id = whole_id(connection, kind, given)
    if id != given:
        raise Elsewhere(url(SHOWN[kind].path, id))
    return id


def found(connection: Connection[Any], kind: Kind, asked: Asked) -> Any:
    """The row of the list that the path names."""
    id = whole_id_of(connection, kind, asked)
    rows = page(connection, choose(kind, {"id": id})).rows
    if not rows:
        raise NotFoundError(f"The {kind} {id} has just been removed.")
    return rows[0]


def facts_of(
    whole: Any, notes: Mapping[str, str] = NO_NOTES, without: Set[str] = frozenset()
) -> dict[str, Fact]:
    """What is known of an object, but for what stands elsewhere on its page."""
    facts = {}
    for it in fields(whole):
        value = getattr(whole, it.name)
        if it.name not in ELSEWHERE | without and value not in (None, [], 0, ""):
            shown = _linked(whole, it.name, value)
            facts[it.name.removesuffix("_at").replace("_", " ")] = Fact(shown, notes.get(it.name))
    return facts


def _linked(whole: Any, name: str, value: Any) -> Value:
    """The value, as a link where it names another object."""
    match name:
        case "account":
            return Link(url("/accounts", value), value, value)
        case "lane":
            return Link(url("/lanes", value), str(value), f"lane {value}")
        case "job_id":
            return job_link(value)
        case "batch_id":
            return Link(url("/vendor-jobs", whole.account, value), value, value)
        case "fields":
            return ", ".join(value)
        case "type":
            return str(value).replace("_", " ")
        case _:
            return value  # type: ignore[no-any-return]


def told_of(connection: Connection[Any], kind: Subject, id: str) -> History:
    """What happened to it."""
    return history(connection, kind, id, EVENTS)


def newest_first(told: History) -> tuple[Sequence[Any], bool]:
    """The last first: that is what one wants to see."""
    return told.events[::-1], told.complete


def lane_facts(row: Any) -> dict[str, Value]:
    """Where it belongs."""
    facts: dict[str, Value] = {
        "account": Link(url("/accounts", row.account), row.account, row.account),
        "endpoint": row.endpoint,
        "identifiers are": row.type.replace("_", " "),
    }
    if fields := getattr(row, "fields", None):
        facts["fields"] = ", ".join(fields)
    return facts


def lists_of(kinds: Mapping[str, Kind], **query: str) -> list[tuple[str, str]]:
    """URLs and names of lists of what belongs to it."""
    return [(url(SHOWN[kind].path, **query), name) for name, kind in kinds.items()]


def facts(known: Mapping[str, Value]) -> dict[str, Fact]:
    """What is known, without what is not."""
    return {name: Fact(it) for name, it in known.items() if it not in (None, "")}


def shown(it: Object) -> dict[str, Any]:
    """The values of its page."""
    return {"title": it.name, "it": it}
