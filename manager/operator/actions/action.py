"""What an action of an operator is: its name, what it is about, what it takes, what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

from manager.errors import InvalidRequestError
from manager.operator.spans import read_span
from manager.steps.context import Context

Effect = Literal["safe", "spends", "discards"]
Kind = Literal["account", "lane", "request", "enrichment", "job", "stray", "target", "notice"]
ArgumentType = Literal["text", "integer", "span", "flag", "lines", "json"]

LONGEST = 500
LONGEST_SPAN = timedelta(days=36_500)


class Choice(Protocol):
    """What an action is about; `manager.operator.chosen.Chosen` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def parameters(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by which way (`cli`, `console`), and why."""

    who: str
    via: str
    why: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidRequestError for what is no line of text."""
        _check_text("who", self.who)
        _check_text("via", self.via)
        if self.why is not None:
            _check_text("why", self.why)


@dataclass(frozen=True, slots=True)
class Argument:
    """What an action takes besides; `read` makes it of what a form or an option says.

    private: its values are not written down.
    """

    name: str
    label: str
    type: ArgumentType = "text"
    required: bool = False
    default: Any = None
    private: bool = False
    check: Callable[[Any], Any] | None = None

    def read(self, given: Any) -> Any:
        """The value; the default where nothing was given. Raises InvalidRequestError."""
        if given is None or given == "":
            if self.required:
                raise InvalidRequestError(f"{self.name} is needed: {self.label}.")
            return self.default
        value = _READ[self.type](self, given)
        return value if self.check is None else self.check(value)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do: to how many objects, with how many identifiers.

    records: the most that it buys. credits: the most that they cost, None when a price is not
    configured. `sentence` says all of it.
    """

    count: int
    identifiers: int
    records: int
    credits: Decimal | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Done:
    """What an action has done: to how many objects. counts: of what else it has touched.

    refused: why some could not be done, of an action that does one after the other. made: ids of
    the requests that it has made.
    """

    count: int
    sentence: str
    counts: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    made: tuple[str, ...] = ()


class Body(Protocol):
    """How an action looks at what it is about, and does it."""

    def preview(self, action: Action, ask: Ask) -> Preview: ...
    def perform(self, action: Action, ask: Ask, actor: Actor) -> Done: ...


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an operator can do to what is of a kind.

    effect: "spends" and "discards" are confirmed by typing the count, "safe" is undone as easily.
    done: the label's participle. note: what whoever confirms it should know. unless: why there may
    be nothing to do.
    """

    kind: Kind
    verb: str
    label: str
    done: str
    effect: Effect
    body: Body
    arguments: tuple[Argument, ...] = ()
    note: str = ""
    unless: str = ""

    @property
    def name(self) -> str:
        """Its name among all: `job.retry`."""
        return f"{self.kind}.{self.verb}"

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments' values. Raises InvalidRequestError."""
        known = {it.name for it in self.arguments}
        for name in given:
            if name not in known:
                takes = ", ".join(sorted(known)) or "none"
                raise InvalidRequestError(
                    f"{name[:80]!r} is no argument of {self.name}, which takes {takes}."
                )
        return {it.name: it.read(given.get(it.name)) for it in self.arguments}

    def told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are written down: of what is private only how many."""
        return {
            it.name: len(values[it.name]) if it.private else values[it.name]
            for it in self.arguments
            if values[it.name] is not None
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: of which objects, with which arguments."""

    context: Context
    chosen: Choice
    values: dict[str, Any]


def span(text: str | timedelta) -> timedelta:
    """A span of time: 30min, 2h, 7d. Without a unit it would be seconds for one and days for
    another, who may buy what is not old yet. Raises InvalidRequestError.
    """
    if isinstance(text, timedelta):
        value = text
    else:
        found = read_span(str(text).strip())
        if found is None:
            raise InvalidRequestError(f"{str(text)[:80]!r} is no span such as 30min, 2h or 7d.")
        value = found
    if value > LONGEST_SPAN:
        raise InvalidRequestError(f"{str(text)[:80]!r} is longer than {LONGEST_SPAN.days:,} days.")
    return value


def _check_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not value.isprintable():
        raise InvalidRequestError(
            f"{name} must be 1 to {LONGEST} printable characters, not {str(value)[:80]!r}."
        )
    return value


def _text(argument: Argument, given: Any) -> str:
    return _check_text(argument.name, given)


def _integer(argument: Argument, given: Any) -> int:
    try:
        return int(given)
    except ValueError:
        raise InvalidRequestError(f"{argument.name}: {given[:80]!r} is no number.") from None


def _span(argument: Argument, given: Any) -> timedelta:
    try:
        return span(given)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{argument.name}: {error}") from None


def _flag(argument: Argument, given: Any) -> bool:
    if given in (True, "1", "on", "true"):
        return True
    if given in (False, "0", "false"):
        return False
    raise InvalidRequestError(f"{argument.name}: {str(given)[:80]!r} is neither 1 nor 0.")


def _lines(argument: Argument, given: Any) -> tuple[str, ...]:
    lines = given.splitlines() if isinstance(given, str) else given
    return tuple(it for it in lines if it.strip())


def _json(argument: Argument, given: Any) -> dict[str, Any]:
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        raise InvalidRequestError(f"{argument.name}: {given[:80]!r} is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{argument.name} must be a JSON object, not {str(given)[:80]}.")
    return value


_READ: Mapping[str, Callable[[Argument, Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "span": _span,
    "flag": _flag,
    "lines": _lines,
    "json": _json,
}
