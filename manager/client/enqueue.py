"""Enqueue: one set-based transaction that turns identifiers into enrichments and items.

What is fresh enough is a hit, what is pending or in a job is joined, the rest is bought. The
identifiers stream through COPY, so millions take little memory; the good ones are only
staged until every one was looked at, so a bad one leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Json
from uuid_utils.compat import uuid7

from manager.endpoints import Endpoint, endpoint
from manager.errors import (
    ConfigurationError,
    ConflictError,
    InvalidIdentifier,
    InvalidIdentifiersError,
    InvalidRequestError,
)
from manager.identifiers import IDENTIFIER_TYPES, NORMALISERS, IdentifierType
from manager.ledger.execute import Copy, Execute
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("enqueue")
DEFAULT_ENDPOINT = "company/enrich"
PRIORITIES = range(-100, 101)
MAX_AGE_DAYS = 36_500
_FIELD = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z")
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
_ANALYZE_FROM = 1_000

OnInvalid = Literal["raise", "skip"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The request that has the same idempotency key."""

    id: UUID
    content_hash: bytes
    total: int


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What an enqueue did: the request, how many items it has, and what was left out of it."""

    id: UUID
    total: int
    created: bool
    invalid: tuple[InvalidIdentifier, ...]


@dataclass(slots=True)
class _Staging:
    """Normalises the caller's values on their way into COPY, and remembers the bad ones."""

    identifier_type: IdentifierType
    values: Iterable[object]
    content: Any
    total: int = 0
    invalid: list[InvalidIdentifier] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, str, str, str]]:
        normalise = NORMALISERS[self.identifier_type]
        for position, value in enumerate(self.values):
            try:
                key, identifier = normalise(value)
            except ValueError as error:
                self.invalid.append(InvalidIdentifier(position, value, str(error)))
                self.content.update(b"\0")
                continue
            written = str(value)
            self.content.update(written.encode() + b"\0")
            self.total += 1
            yield position, key, identifier, written


def enqueue(
    settings: Settings,
    identifier_type: IdentifierType,
    identifiers: Iterable[str | int],
    *,
    endpoint_name: str = DEFAULT_ENDPOINT,
    account: str | None = None,
    fields: Sequence[str] = (),
    priority: int = 0,
    max_age: timedelta | float | None = None,
    idempotency_key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    on_invalid: OnInvalid = "raise",
) -> Script[Enqueued]:
    """The script of one enqueue call; see `Manager.enqueue` for what the arguments mean."""
    wanted = endpoint(endpoint_name)
    _check_type(identifier_type, identifiers, on_invalid)
    selection = field_selection(fields)
    wanted.check(identifier_type, selection)
    parameters: dict[str, Any] = {
        "id": UUID(bytes=uuid7().bytes),
        "account": account or settings.account,
        "endpoint": wanted.name,
        "identifier_type": identifier_type,
        "fields": selection,
        "priority": _priority(priority),
        "head_start": timedelta(seconds=priority * settings.priority_step),
        "max_age": _max_age(max_age, settings),
        "idempotency_key": _idempotency_key(idempotency_key),
        "metadata": _metadata(metadata),
    }
    content = hashlib.sha256(json.dumps(_lane(wanted, identifier_type, selection)).encode())
    return _enqueue(parameters, _Staging(identifier_type, identifiers, content), on_invalid)


def _enqueue(
    parameters: dict[str, Any], staging: _Staging, on_invalid: OnInvalid
) -> Script[Enqueued]:
    yield Execute(SQL.create_staging)
    yield Copy(SQL.copy_staging, staging.rows())
    if staging.invalid and on_invalid == "raise":
        raise InvalidIdentifiersError(staging.identifier_type, staging.invalid)
    lanes = yield from ask(SQL.lane, int, parameters)
    if not lanes:  # in two statements: the second sees what another call has just made
        yield Execute(SQL.make_lane, parameters)
        lanes = yield from ask(SQL.lane, int, parameters)
    if not lanes:
        names = yield from ask(SQL.accounts, str, {})
        raise ConfigurationError(
            f"The ledger has no account named {parameters['account']!r}; it has: "
            f"{', '.join(names) or 'none'}. Name one of these (account=…, ENRICHD_ACCOUNT), or run "
            "`enrichd db upgrade` where the account is configured."
        )
    parameters |= {
        "lane_id": lanes[0],
        "total": staging.total,
        "content_hash": staging.content.digest(),
    }
    if staging.total > _ANALYZE_FROM:
        yield Execute(SQL.analyze_staging)
    if not (yield from ask(SQL.insert_request, UUID, parameters)):
        earlier = yield from _earlier(parameters, staging)
        yield Execute(SQL.drop_staging)
        return earlier
    yield Execute(SQL.upsert_enrichments, parameters)
    yield Execute(SQL.insert_items, parameters)
    yield Execute(SQL.drop_staging)
    yield Execute(SQL.wake, parameters)
    return Enqueued(parameters["id"], staging.total, True, tuple(staging.invalid))


def _earlier(parameters: dict[str, Any], staging: _Staging) -> Script[Enqueued]:
    """The request that has the same idempotency key, if its content is the same."""
    [request] = yield from ask(SQL.by_idempotency_key, Earlier, parameters)
    if bytes(request.content_hash) != parameters["content_hash"]:
        raise ConflictError(
            f"The idempotency key {parameters['idempotency_key']!r} belongs to request "
            f"{request.id}, which has other identifiers or fields. Use another key, or the same "
            "content."
        )
    return Enqueued(request.id, request.total, False, tuple(staging.invalid))


def _lane(wanted: Endpoint, identifier_type: str, selection: list[str]) -> list[Any]:
    """What of the lane is content: that of a company's is hashed as it always was."""
    named = [] if wanted.name == DEFAULT_ENDPOINT else [wanted.name]
    return [*named, identifier_type, selection]


def field_selection(fields: Sequence[str]) -> list[str]:
    """The sorted set of dotted field paths. Raises InvalidRequestError."""
    if isinstance(fields, str) or not all(isinstance(path, str) for path in fields):
        raise InvalidRequestError(f"fields must be a list of dotted paths, not {fields!r}.")
    for path in fields:
        if not _FIELD.match(path) or len(path) > 200:
            raise InvalidRequestError(
                f"fields: {path[:200]!r} is not a dotted path such as 'headcount.total'."
            )
    return sorted(set(fields))


def _check_type(identifier_type: object, identifiers: object, on_invalid: object) -> None:
    if identifier_type not in IDENTIFIER_TYPES:
        raise InvalidRequestError(
            f"identifier_type: {identifier_type!r} is not one of {', '.join(IDENTIFIER_TYPES)}."
        )
    if isinstance(identifiers, str | bytes) or not isinstance(identifiers, Iterable):
        raise InvalidRequestError(
            f"identifiers must be a list or other iterable of {identifier_type}, "
            f"not {type(identifiers).__name__}."
        )
    if on_invalid not in ("raise", "skip"):
        raise InvalidRequestError(f"on_invalid: {on_invalid!r} is neither 'raise' nor 'skip'.")


def _priority(priority: object) -> int:
    if not isinstance(priority, int) or isinstance(priority, bool) or priority not in PRIORITIES:
        raise InvalidRequestError(
            f"priority: {priority!r} is not an integer from {PRIORITIES[0]} to {PRIORITIES[-1]}."
        )
    return priority


def _max_age(max_age: timedelta | float | None, settings: Settings) -> timedelta:
    if max_age is None:
        return settings.freshness
    try:
        age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError(f"max_age: {max_age!r} is not a time span.") from None
    if not timedelta(0) <= age <= timedelta(days=MAX_AGE_DAYS):
        raise InvalidRequestError(f"max_age: {age} is not between 0 and {MAX_AGE_DAYS:,} days.")
    return age


def _idempotency_key(key: object) -> str | None:
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= 255 or not key.isprintable():
        raise InvalidRequestError(
            f"idempotency_key: {key!r} is not a string of 1 to 255 printable characters."
        )
    return key


def _metadata(metadata: Mapping[str, Any] | None) -> Json | None:
    if metadata is None:
        return None
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"metadata cannot be written as JSON: {error}.") from None
    if _NUL.search(text):
        raise InvalidRequestError("metadata contains the character U+0000, which Postgres refuses.")
    return Json(metadata, dumps=lambda _: text)
