"""Filters: which objects of a kind are meant, as a URL's query or a command's options say it.

A listing and an action read the same set: their statements say FROM chosen_jobs c (chosen_requests,
…), and `reading` puts in its place what `manager/ledger/sql/chosen.sql` chooses. There what is not
asked for folds away before the statement is planned, and what has to be looked up first is an
array: so each filter is planned for itself, and keeps to its index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, get_args
from urllib.parse import urlencode
from uuid import UUID

from manager.endpoints import endpoint as known_endpoint
from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, NORMALISERS
from manager.ledger.sql import Statements
from manager.ledger.states import EnrichmentState, JobState, Whose
from manager.operator.metadata import jsonpath
from manager.operator.spans import read_span
from manager.vendor.stage import Stage

Kind = Literal["job", "request", "enrichment", "vendor_job", "stray", "lane"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REQUEST_STATES = ("open", "finished", "cancelled", "failed")
LANE_STATES = ("paused", "waiting")
METADATA = "metadata."
LONGEST = 2_000

SQL = Statements("chosen")
_HEX = re.compile(r"[0-9a-f]{1,32}\Z")
_SMALLEST, _LARGEST = 1, 2**63 - 1

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that can be asked for: which of the statement's parameters it sets, and how it
    makes them of what was given; that raises InvalidRequestError. `help` says what it means.
    """

    sets: tuple[str, ...]
    read: Callable[[str, datetime], Parameters]
    help: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The objects of a kind that a filter chooses; with no filter all of them.

    `given` is what was asked for, in a form and an order that are always the same. `parameters` are
    those of the kind's statement. Time spans (`since=2h`) count from `at`.
    """

    kind: Kind
    given: Mapping[str, str]
    at: datetime
    parameters: Parameters = field(repr=False, compare=False)

    @property
    def query(self) -> str:
        """The same as a URL's query; spans of time stay spans."""
        return urlencode(self.given)

    @property
    def fixed(self) -> Chosen:
        """The same, with moments instead of spans: what was shown is what is acted on later."""
        moments = {
            name: self.parameters[name].isoformat()
            for name in ("since", "until")
            if name in self.given
        }
        return replace(self, given={**self.given, **moments})

    def but(self, **given: str) -> Chosen:
        """The same, but for this; an empty value asks for it no more."""
        return choose(self.kind, {**self.given, **given}, self.at)


def choose(kind: Kind, given: Mapping[str, str], at: datetime | None = None) -> Chosen:
    """What is chosen by that; an empty value asks for nothing. Raises InvalidRequestError for a
    filter that the kind does not have, and for a value that cannot be one.

    at: what spans of time count from; by default now.
    """
    at = at or datetime.now(UTC)
    filters = FILTERS[kind]
    asked = {name: it for name, value in given.items() if (it := value.strip())}
    metadata = {name: asked.pop(name) for name in sorted(asked) if name.startswith(METADATA)}
    if metadata and "metadata" not in filters:
        raise _unknown(kind, next(iter(metadata)))
    for name in asked:
        if name not in filters or name == "metadata":
            raise _unknown(kind, name)
    if METADATA in metadata:
        raise _unknown(kind, METADATA)
    parameters: Parameters = {it: None for one in filters.values() for it in one.sets}
    ordered = {name: asked[name] for name in filters if name in asked}
    for name, value in (ordered | metadata).items():
        _check_text(name, value)
    for name, value in ordered.items():
        try:
            parameters |= filters[name].read(value, at)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"{name}: {error}") from None
    if metadata:
        parameters["metadata"] = jsonpath(
            {name.removeprefix(METADATA): value for name, value in metadata.items()}
        )
    return Chosen(kind, ordered | metadata, at, parameters)


def reading(statements: Statements) -> Statements:
    """The same statements, which read what is chosen FROM chosen_jobs, chosen_requests, …"""
    for kind in KINDS:
        statements = statements.reading(getattr(SQL, kind), instead_of=_table(kind))
    return statements


def _table(kind: Kind) -> str:
    return f"chosen_{kind}s"


def _unknown(kind: Kind, name: str) -> InvalidRequestError:
    known = [f"{METADATA}KEY" if it == "metadata" else it for it in FILTERS[kind]]
    what = kind.replace("_", " ")
    return InvalidRequestError(
        f"{name[:80]!r} is no filter of a {what}; there are: {', '.join(known)}."
    )


def _check_text(name: str, value: str) -> None:
    """That Postgres takes both."""
    try:
        f"{name}{value}".encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{name[:80]!r}: {value[:80]!r} is not text.") from None
    if "\0" in name or "\0" in value or len(value) > LONGEST:
        shown = f"{value[:40]!r}{'…' if len(value) > 40 else ''}"
        raise InvalidRequestError(
            f"{name[:80]!r}: {shown} is not 1 to {LONGEST:,} characters without U+0000."
        )


def _text(name: str, value: str, at: datetime) -> Parameters:
    return {name: value}


def _endpoint(value: str, at: datetime) -> Parameters:
    try:
        return {"endpoint": known_endpoint(value).name}
    except InvalidRequestError as error:
        raise InvalidRequestError(str(error).removeprefix("endpoint: ")) from None


def _one_of(name: str, known: Iterable[str], value: str, at: datetime) -> Parameters:
    """Some of a few words, separated by commas."""
    words = [it for part in value.split(",") if (it := part.strip().lower())]
    for word in words:
        if word not in set(known):
            raise InvalidRequestError(f"{word[:80]!r} is not one of {', '.join(known)}.")
    return {name: words}


def _type(value: str, at: datetime) -> Parameters:
    [word, *more] = _one_of("type", IDENTIFIER_TYPES, value, at)["type"] or [""]
    if more or not word:
        raise InvalidRequestError(f"{value!r} is not one of {', '.join(IDENTIFIER_TYPES)}.")
    return {"type": word}


def _all_of(known: Iterable[str], value: str, at: datetime) -> Parameters:
    """Each that is named holds: a request can be finished and have failed identifiers."""
    return dict.fromkeys(_one_of("states", known, value, at)["states"], True)


def _open(value: str, at: datetime) -> Parameters:
    if value not in ("0", "1"):
        raise InvalidRequestError(f"{value[:80]!r} is neither 1 nor 0.")
    return {"open": True if value == "1" else None}


def _moment(name: str, value: str, at: datetime) -> Parameters:
    """A span that ends now, or a day or a moment; without an offset by UTC."""
    try:
        if (span := read_span(value)) is not None:
            return {name: at - span}
        moment = datetime.fromisoformat(value)
        return {name: (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)}
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{value[:80]!r} is neither a span such as 30min, 2h or 7d, nor a time such as "
            "2026-11-01 or 2026-11-01T08:30."
        ) from None


def _reason(value: str, at: datetime) -> Parameters:
    escaped = re.sub(r"([\\%_])", r"\\\1", value)
    return {"reason": f"%{escaped}%"}


def uuid_range(text: str) -> tuple[UUID, UUID]:
    """The first and the last id that begins so; of a whole one both are it. Raises ValueError."""
    digits = text.strip().lower().removeprefix("urn:uuid:").strip("{}").replace("-", "")
    if not _HEX.match(digits):
        raise ValueError(f"{text[:80]!r} is not an id, nor the beginning of one")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _beginning(name: str, value: str, at: datetime) -> Parameters:
    try:
        first, last = uuid_range(value)
    except ValueError as error:
        raise InvalidRequestError(f"{error}.") from None
    return {f"{name}_from": first, f"{name}_to": last}


def _uuids(value: str, at: datetime) -> Parameters:
    """Whole ids, or the beginning of one."""
    parts = [it for part in value.split(",") if (it := part.strip())]
    if len(parts) == 1:
        return _beginning("id", parts[0], at)
    ranges = [_beginning("id", part, at) for part in parts]
    for part, found in zip(parts, ranges, strict=True):
        if found["id_from"] != found["id_to"]:
            raise InvalidRequestError(f"{part[:80]!r}: of several ids each must be whole.")
    return {"ids": [it["id_from"] for it in ranges]}


def _numbers(name: str, value: str, at: datetime, *, largest: int = _LARGEST) -> Parameters:
    try:
        found = [int(part) for part in value.split(",") if part.strip().isascii()]
        if not found or not all(_SMALLEST <= it <= largest for it in found):
            raise ValueError(value)
    except ValueError:
        raise InvalidRequestError(f"{value[:80]!r} is not a number that an id can be.") from None
    return {name: found}


def _lane(value: str, at: datetime) -> Parameters:
    [lane, *more] = _numbers("lane", value, at, largest=2**31 - 1)["lane"]
    if more:
        raise InvalidRequestError(f"{value[:80]!r} is not one lane's number.")
    return {"lane": lane}


def _batch_ids(value: str, at: datetime) -> Parameters:
    """Whole ids of the vendor's, or the beginning of one."""
    parts = [it for part in value.split(",") if (it := part.strip())]
    if len(parts) == 1 and len(parts[0]) < len(str(UUID(int=0))):
        return {"id_prefix": parts[0]}
    return {"ids": parts}


def _identifier(value: str, at: datetime) -> Parameters:
    """In any spelling, of any type that it can be of."""
    named: list[tuple[str, str]] = []
    why = ""
    for name in IDENTIFIER_TYPES:
        try:
            named.append((name, NORMALISERS[name](value).key))
        except ValueError as error:
            why = str(error)
    if not named:
        raise InvalidRequestError(f"{value[:80]!r} {why}.")
    return {"types": [it[0] for it in named], "keys": [it[1] for it in named]}


_ACCOUNT = Filter(("account",), partial(_text, "account"), "the account's name")
_ENDPOINT = Filter(("endpoint",), _endpoint, "what is bought, such as company/enrich")
_TYPE = Filter(("type",), _type, "the type of the identifiers")
_LANE = Filter(("lane",), _lane, "the lane's number")
_SINCE = Filter(("since",), partial(_moment, "since"), "from then on, such as 2h, 7d or 2026-11-01")
_UNTIL = Filter(("until",), partial(_moment, "until"), "before then, such as 2h, 7d or 2026-11-01")
_REASON = Filter(("reason",), _reason, "a text that the reason contains")
_IDS = Filter(("ids", "id_from", "id_to"), _uuids, "ids, or the beginning of one")
_JOB = Filter(("job_from", "job_to"), partial(_beginning, "job"), "the job's id")
_REQUEST = Filter(
    ("request_from", "request_to"), partial(_beginning, "request"), "the request's id"
)
_IDENTIFIER = Filter(("types", "keys"), _identifier, "an identifier in any spelling")
_TAG = Filter(("tag",), partial(_text, "tag"), "the request's tag")
_METADATA = Filter(("metadata",), partial(_text, "metadata"), "what a request's metadata says")


def _states(known: Iterable[str], name: str = "states") -> Filter:
    words = tuple(map(str, known))
    return Filter((name,), partial(_one_of, name, words), f"some of {', '.join(words)}")


def _what_holds(known: tuple[str, ...]) -> Filter:
    return Filter(known, partial(_all_of, known), f"some of {', '.join(known)}, which all hold")


FILTERS: Mapping[Kind, Mapping[str, Filter]] = {
    "job": {
        "state": _states(JobState),
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "type": _TYPE,
        "lane": _LANE,
        "since": _SINCE,
        "until": _UNTIL,
        "reason": _REASON,
        "id": _IDS,
        "request": _REQUEST,
        "identifier": _IDENTIFIER,
        "tag": _TAG,
        "metadata": _METADATA,
    },
    "request": {
        "state": _what_holds(REQUEST_STATES),
        "open": Filter(("open",), _open, "1: only those that are open"),
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "type": _TYPE,
        "lane": _LANE,
        "since": _SINCE,
        "until": _UNTIL,
        "id": _IDS,
        "job": _JOB,
        "identifier": _IDENTIFIER,
        "tag": _TAG,
        "metadata": _METADATA,
    },
    "enrichment": {
        "state": _states(EnrichmentState),
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "type": _TYPE,
        "lane": _LANE,
        "since": _SINCE,
        "until": _UNTIL,
        "reason": _REASON,
        "id": Filter(("ids",), partial(_numbers, "ids"), "the enrichments' numbers"),
        "job": _JOB,
        "request": _REQUEST,
        "identifier": _IDENTIFIER,
        "tag": _TAG,
        "metadata": _METADATA,
    },
    "vendor_job": {
        "whose": _states(Whose, "whose"),
        "state": _states(Stage),
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "since": _SINCE,
        "until": _UNTIL,
        "reason": _REASON,
        "id": Filter(("ids", "id_prefix"), _batch_ids, "batch ids, or the beginning of one"),
        "job": _JOB,
    },
    "stray": {
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "type": _TYPE,
        "lane": _LANE,
        "since": _SINCE,
        "until": _UNTIL,
        "reason": _REASON,
        "id": Filter(("ids",), partial(_numbers, "ids"), "the strays' numbers"),
        "job": _JOB,
    },
    "lane": {
        "state": _what_holds(LANE_STATES),
        "account": _ACCOUNT,
        "endpoint": _ENDPOINT,
        "type": _TYPE,
        "since": _SINCE,
        "until": _UNTIL,
        "id": Filter(("ids",), partial(_numbers, "ids", largest=2**31 - 1), "the lanes' numbers"),
    },
}
"""What can be asked of each kind, in the order of the canonical query."""
