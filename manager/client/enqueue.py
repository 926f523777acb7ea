"""Enqueue: what turns identifiers into enrichments and items, in one transaction.

What is fresh enough is a hit, what is pending or in a job is joined, the rest is bought. A small
call hands its identifiers over in one value; those of a larger one stream into a temporary table,
batch by batch, so that millions take little memory, and the caller's own code may use the same
connection between two batches. The first batch is read before anything is asked of the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Literal, LiteralString
from uuid import UUID

from uuid_utils.compat import uuid7

from manager.client.arguments import (
    as_json,
    check_on_invalid,
    check_type,
    checked_account,
    checked_key,
    checked_linger,
    checked_priority,
    checked_tag,
    field_selection,
    freshness,
)
from manager.client.budgets import refuse_beyond_budgets
from manager.client.notify import Notify, WantedTargets, checked_targets, target_ids
from manager.client.staging import Staging, check_identifiers
from manager.endpoints import Endpoint, endpoint
from manager.errors import (
    ConfigurationError,
    ConflictError,
    InvalidIdentifier,
    InvalidIdentifiersError,
    quoted,
)
from manager.identifiers import IdentifierType
from manager.ledger import session
from manager.ledger.execute import Copy, Execute
from manager.ledger.script import Read, Script, ask
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.targets import Event
from manager.traces import Enqueueing

SQL = Statements("enqueue")
SMALL = SQL.reading(SQL.given, instead_of="enrichd_enqueue")
DEFAULT_ENDPOINT = "company/enrich"
# A call of so many, or fewer, makes no temporary table: each would leave its mark in the catalogs.
BATCH = 5_000

OnInvalid = Literal["raise", "skip"]
COLUMNS = ("position", "key", "identifier", "value")
Row = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The request that has the same idempotency key."""

    id: UUID
    content_hash: bytes
    total: int
    hits: int
    joined: int


@dataclass(frozen=True, slots=True)
class Begun:
    """The lane that the request is in; whether hard budgets may refuse it."""

    lane_id: int
    capped: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """begun: how many purchases are the request's own. hits: items that are settled by what is
    fresh. wake: whether the daemon is told.
    """

    begun: int
    hits: int
    wake: str | None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What an enqueue did: the request, how many items it has, how many of these were fresh (hits)
    or had been asked for already, and what was left out of it.
    """

    id: UUID
    total: int
    hits: int
    joined: int
    created: bool = False
    invalid: tuple[InvalidIdentifier, ...] = ()


def enqueue(
    settings: Settings,
    identifier_type: IdentifierType,
    identifiers: Iterable[object],
    *,
    endpoint_name: str = DEFAULT_ENDPOINT,
    account: str | None = None,
    fields: Sequence[str] = (),
    priority: int = 0,
    max_age: timedelta | float | None = None,
    idempotency_key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tag: str | None = None,
    linger: bool = True,
    on_invalid: OnInvalid = "raise",
    notify: Notify = None,
    notify_events: Sequence[Event] = (),
) -> Script[Enqueued]:
    """The script of one enqueue call; see `Manager.enqueue` for what the arguments mean."""
    wanted = endpoint(endpoint_name)
    check_type(identifier_type)
    check_identifiers(identifier_type, identifiers)
    check_on_invalid(on_invalid)
    selection = field_selection(fields)
    wanted.check(identifier_type, selection)
    parameters: dict[str, Any] = {
        "id": UUID(bytes=uuid7().bytes),
        "account": checked_account(account) or settings.account,
        "endpoint": wanted.name,
        "identifier_type": identifier_type,
        "fields": selection,
        "priority": checked_priority(priority),
        "head_start": timedelta(seconds=priority * settings.priority_step),
        "max_age": freshness(max_age, settings),
        "idempotency_key": checked_key(idempotency_key),
        "metadata": as_json(metadata),
        "tag": checked_tag(tag),
        "lingers": checked_linger(linger),
        "targets": None,
    }
    told = checked_targets(settings, notify, notify_events)
    content = hashlib.sha256(json.dumps(_lane(wanted, identifier_type, selection)).encode())
    staging = Staging(identifier_type, identifiers, content)
    rows = staging.rows()
    first = list(islice(rows, BATCH + 1))
    if len(first) > BATCH:
        return _traced(
            parameters,
            _enqueue_large(parameters, staging, first, rows, on_invalid, told),
        )
    _check(staging, on_invalid)
    given = json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in first], ensure_ascii=False)
    parameters["rows"] = given
    return _traced(
        parameters,
        _enqueue(SMALL.insert_request, SMALL.insert_few_items, parameters, staging, told),
    )


def _traced(parameters: dict[str, Any], script: Script[Enqueued]) -> Script[Enqueued]:
    """The script within a span of the caller's trace, if there is one; the request keeps it."""
    span = Enqueueing(parameters["account"], parameters["endpoint"], parameters["identifier_type"])
    parameters["traceparent"] = span.traceparent
    return span.around(script)


def _enqueue_large(
    parameters: dict[str, Any],
    staging: Staging,
    batch: list[Row],
    rows: Iterator[Row],
    on_invalid: OnInvalid,
    told: WantedTargets | None,
) -> Script[Enqueued]:
    # until all are read nothing is held that others could want, however long the caller takes
    patient = yield session.swap(idle_in_transaction_session_timeout="0")
    yield Execute(SQL.create_staging)
    while batch:
        yield Copy(SQL.copy_staging, batch)
        batch = yield Read(lambda: list(islice(rows, BATCH)))
    _check(staging, on_invalid)
    yield session.give_back(patient)
    yield Execute(SQL.analyze_staging)
    enqueued = yield from _enqueue(SQL.insert_request, SQL.insert_items, parameters, staging, told)
    yield Execute(SQL.drop_staging)
    return enqueued


def _check(staging: Staging, on_invalid: OnInvalid) -> None:
    if staging.invalid and on_invalid == "raise":
        raise InvalidIdentifiersError(staging.identifier_type, staging.invalid)


def _enqueue(
    insert_request: LiteralString,
    insert_items: LiteralString,
    parameters: dict[str, Any],
    staging: Staging,
    told: WantedTargets | None,
) -> Script[Enqueued]:
    parameters |= {"total": staging.total, "content_hash": staging.content.digest()}
    if told is not None:
        parameters["targets"] = yield from target_ids(told)
    lanes = yield from ask(insert_request, Begun, parameters)
    if not lanes:
        if earlier := (yield from _earlier(parameters, staging)):
            return earlier
        yield Execute(SQL.make_lane, parameters)
        lanes = yield from ask(insert_request, Begun, parameters)
    if not lanes:  # meanwhile another call made the lane, and a request of the same key
        if earlier := (yield from _earlier(parameters, staging)):
            return earlier
        yield from _refuse_account(parameters["account"])
    [begun] = lanes
    stored = yield from ask(insert_items, Stored, parameters | {"lane_id": begun.lane_id})
    if not stored:
        yield from _refuse_account(parameters["account"])
    if begun.capped:
        yield from refuse_beyond_budgets(
            parameters["account"], parameters["endpoint"], parameters["tag"], stored[0].begun
        )
    [did] = stored
    joined = staging.total - did.hits - did.begun
    invalid = tuple(staging.invalid)
    return Enqueued(parameters["id"], staging.total, did.hits, joined, True, invalid)


def _earlier(parameters: dict[str, Any], staging: Staging) -> Script[Enqueued | None]:
    """The request that has the same idempotency key, or None. Raises ConflictError."""
    if parameters["idempotency_key"] is None:
        return None
    found = yield from ask(SQL.by_idempotency_key, Earlier, parameters)
    if not found:
        return None
    [request] = found
    if bytes(request.content_hash) != parameters["content_hash"]:
        raise ConflictError(
            f"The idempotency key {parameters['idempotency_key']!r} belongs to request "
            f"{request.id}, which has other identifiers or fields. Use another key, or the same "
            "content."
        )
    invalid = tuple(staging.invalid)
    return Enqueued(request.id, request.total, request.hits, request.joined, False, invalid)


def _refuse_account(account: str) -> Script[None]:
    names = yield from ask(SQL.accounts, str, {})
    raise ConfigurationError(
        f"The ledger has no account named {quoted(account)}; it has: {', '.join(names) or 'none'}. "
        "Name one of these (account=…, ENRICHD_ACCOUNT), or run `enrichd db upgrade` where the "
        "account is configured."
    )


def _lane(wanted: Endpoint, identifier_type: str, selection: list[str]) -> list[Any]:
    """What of the lane is content: that of a company's is hashed as it always was."""
    named = [] if wanted.name == DEFAULT_ENDPOINT else [wanted.name]
    return [*named, identifier_type, selection]
