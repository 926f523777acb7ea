"""Forget: remove what the ledger, and this machine's kept files, hold of a company or a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from psycopg import Connection
from psycopg.errors import Diagnostic, LockNotAvailable
from psycopg.types.json import Json

from manager.endpoints import ENDPOINTS
from manager.errors import InvalidRequestError, UnavailableError
from manager.identifiers import IDENTIFIER_TYPES, NORMALISERS, IdentifierType
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, rows, transaction
from manager.ledger.rekey import namesakes
from manager.ledger.sql import Statements
from manager.operator.held import holders
from manager.operator.record import Record, unrecorded
from manager.operator.words import counted
from manager.steps import keep
from manager.steps.context import Context
from manager.steps.forget import (
    BLANK,
    COMMIT,
    SQL,
    Forgotten,
    Named,
    Stray,
    Whom,
    blank,
    delete_strays,
)
from manager.steps.take_out import cancel, take_out
from manager.steps.tidy import tidy
from manager.vendor.errors import ResultsCorrupt, ResultsTooLarge

ID_FIELDS = [
    {"endpoint": it.name, "field": it.id_field, "entity": it.entity} for it in ENDPOINTS.values()
]
# Enrichments in one transaction, and envelopes read at a time.
BATCH = 500
LEAST_QUOTED = 4
# Texts looked for at a time: Postgres takes a pattern of thousands apart for minutes.
QUOTED = 100
REWRITE = (
    SQL.rewrite_events,
    SQL.rewrite_jobs,
    SQL.rewrite_results,
    SQL.rewrite_enrichments,
    SQL.rewrite_actions,
    SQL.rewrite_notices,
    SQL.rewrite_attempts,
)
ACTIONS = Statements("actions")
STAYS = (
    "What stays: that something was bought, when, by which job and for which request, without "
    "whom; requests' metadata and idempotency keys, which are not searched; backups, the "
    "write-ahead log and logs, as long as they are kept; files kept on other machines, until a "
    "worker there has seen it, some seconds."
)


@dataclass(frozen=True, slots=True)
class Held:
    """An enrichment, and how many results and items it has."""

    id: int
    account: str
    endpoint: str
    type: str
    key: str
    identifier: str
    state: str
    job_id: UUID | None
    results: int
    items: int


@dataclass(frozen=True, slots=True)
class Quoting:
    """An operator's action, and by what it was chosen."""

    id: int
    filter: str


@dataclass(frozen=True, slots=True)
class VendorId:
    """By which id the vendor knows a company or person."""

    entity: str
    vendor_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be forgotten. kept: jobs whose kept results name them."""

    named: list[Named]
    whom: Whom
    held: list[Held]
    strays: int
    kept: list[UUID]


@dataclass(slots=True)
class Report:
    """What was forgotten. waits: the jobs at whose end the rest is. to_analyse: the statement by
    which the tables' owner takes them out of the planner's statistics; None: that is done.
    """

    enrichments: int = 0
    results: int = 0
    items: int = 0
    strays: int = 0
    files: int = 0
    messages: int = 0
    waits: list[UUID] = field(default_factory=list)
    to_analyse: str | None = None


def find(
    context: Context, identifiers: Sequence[str], type: str | None = None, *, only: bool = False
) -> Found:
    """What the ledger and this machine hold of them, by any identifier type that they can be of.

    only: not what is the same company or person under another identifier, by the vendor's id.
    Raises InvalidRequestError.
    """
    return find_named(context, named(identifiers, type), only=only)


def named(identifiers: Iterable[str], type: str | None = None) -> list[Named]:
    """Whatever the texts may be identifiers of. Raises InvalidRequestError when one is of none."""
    return list(dict.fromkeys(it for text in identifiers for it in _named(text, type)))


def find_named(context: Context, named: list[Named], *, only: bool = False) -> Found:
    """The same of what is known by type and key."""
    with context.ledger.connect() as connection:
        ids = _ids(connection, named)
        ids += namesakes(connection, [(it.type, it.key) for it in named])
        vendor_ids: list[VendorId] = []
        if ids and not only:
            parameters = {"ids": ids, "id_fields": Json(ID_FIELDS)}
            vendor_ids = rows(connection, SQL.vendor_ids, VendorId, parameters)
        if vendor_ids:
            parameters |= {
                "entities": [it.entity for it in vendor_ids],
                "vendor_ids": [it.vendor_id for it in vendor_ids],
            }
            ids += rows(connection, SQL.of_vendor_ids, int, parameters)
            ids += _ids(
                connection,
                [
                    Named("crustdata_company_ids", it.vendor_id)
                    for it in vendor_ids
                    if it.entity == "company"
                ],
            )
        held = rows(connection, SQL.described, Held, {"ids": sorted(set(ids))})
        named = list(dict.fromkeys([*named, *(Named(it.type, it.key) for it in held)]))
        whom = Whom(named, [it.vendor_id for it in vendor_ids])
        strays = sum(
            whom.named_in(bytes(it.envelope)) for page in _strays(connection) for it in page
        )
    return Found(named, whom, held, strays, list(_kept(context, whom)))


def forget(context: Context, found: Found, record: Record = unrecorded) -> Report:
    """Forget what was found. Raises UnavailableError when a caller's transaction holds it.

    record: before all else, in a transaction of its own; the rest takes many.
    """
    report = Report(files=len(found.kept))
    ids = [it.id for it in found.held]
    with context.ledger.connect() as connection:
        with connection.transaction():
            record(connection)
        written = rows(connection, SQL.written, str, {"ids": ids})
        try:
            for job_id in rows(connection, SQL.packed_jobs, UUID, {"ids": ids}):
                _take_out(context, job_id, ids)
            for batch in _batches(ids):
                done = _forget(context, connection, batch)
                report.results += done.results
                report.items += done.items
                report.strays += done.strays
                waits = rows(connection, SQL.described, Held, {"ids": done.marked})
                report.waits += [it.job_id for it in waits if it.job_id]
                report.enrichments += len(batch) - len(done.marked)
        except LockNotAvailable:
            raise UnavailableError(
                "A caller's open transaction holds some of what is to be forgotten; what was "
                f"forgotten before stays so. {holders(context)}Try again when it has ended."
            ) from None
        report.waits = sorted(set(report.waits))
        for page in _strays(connection):
            with transaction(connection, COMMIT):
                report.strays += delete_strays(connection, page, found.whom)
        execute(connection, SQL.blank_jobs, {"job_ids": found.kept})
        texts = {*written, *(it.identifier for it in found.held), *(it.key for it in found.named)}
        report.messages = _rewrite(connection, texts) + _rewrite_filters(connection, found.named)
        report.to_analyse = _renew_statistics(context, connection)
    tidy(context)
    return report


def sentence(done: Report) -> str:
    """What was forgotten, what is later, and what stays."""
    counts = ", ".join(
        (
            counted(done.enrichments, "enrichment"),
            counted(done.results, "result"),
            counted(done.items, "value of a caller", "values of callers"),
            counted(done.strays, "stray envelope"),
            counted(done.files, "kept file"),
            counted(done.messages, "message that quoted them", "messages that quoted them"),
        )
    )
    waits = ", ".join(map(str, done.waits))
    later = f"\nWhen its results come, what these jobs bring is dropped: {waits}." if waits else ""
    if done.to_analyse:
        later += (
            "\nThe planner's statistics still show them, since this role does not own the tables. "
            f"Let their owner run: {done.to_analyse}"
        )
    return f"Forgotten: {counts}.{later}\n{STAYS}"


def _renew_statistics(context: Context, connection: Connection[Any]) -> str | None:
    """None when it is done; else what to run: others' tables are passed over with a warning."""
    warnings: list[str] = []

    def warned(notice: Diagnostic) -> None:
        warnings.append(str(notice.message_primary))

    connection.add_notice_handler(warned)
    execute(connection, SQL.renew_statistics)
    connection.remove_notice_handler(warned)
    schema = context.settings.database_schema
    return f"SET search_path = {schema}; {SQL.renew_statistics}" if warnings else None


def _forget(context: Context, connection: Connection[Any], ids: list[int]) -> Forgotten:
    parameters = {"ids": ids}
    with transaction(connection, COMMIT):
        limit_waiting(connection, context.settings.merge_lock_timeout)
        execute(connection, SQL.lock, parameters)
        cancel(connection, ids)
        marked = rows(connection, SQL.mark, int, parameters)
        done = blank(connection, ids)
    done.marked = marked
    return done


def _take_out(context: Context, job_id: UUID, ids: list[int]) -> None:
    """Out of a job that has not been submitted; `submit` does it where a worker is at it now."""
    with context.ledger.lock_job(job_id) as connection:
        if connection is not None:
            take_out(connection, context.settings, job_id, ids)


def _rewrite(connection: Connection[Any], texts: Iterable[str]) -> int:
    """Take them out of messages that quote them; how many did. A mere word occurs in any text."""
    telling = [it for it in texts if len(it) >= LEAST_QUOTED and not it.isalnum()]
    quoted = [re.escape(it) for it in sorted(telling, key=len, reverse=True)]
    return sum(
        execute(connection, sql, _pattern(quoted[start : start + QUOTED]))
        for start in range(0, len(quoted), QUOTED)
        for sql in REWRITE
    )


def _rewrite_filters(connection: Connection[Any], named: Sequence[Named]) -> int:
    """Take them out of what operators have chosen by them; how many did."""
    count = 0
    for it in rows(connection, ACTIONS.quoting, Quoting, {}):
        given = parse_qsl(it.filter)
        kept = [
            (name, BLANK if name == "identifier" and _is_one_of(value, named) else value)
            for name, value in given
        ]
        if kept != given:
            parameters = {"id": it.id, "filter": urlencode(kept)}
            count += execute(connection, ACTIONS.rewrite_filter, parameters)
    return count


def _is_one_of(text: str, named: Sequence[Named]) -> bool:
    with suppress(InvalidRequestError):
        return any(it in named for it in _named(text, None))
    return False


def _pattern(quoted: list[str]) -> dict[str, Any]:
    pattern = rf"(?<![[:alnum:]])({'|'.join(quoted)})(?![[:alnum:]])"
    return {"pattern": pattern, "blank": BLANK}


def checked_type(type: str | None) -> IdentifierType | None:
    """The type, when it is one. Raises InvalidRequestError."""
    if type is not None and type not in IDENTIFIER_TYPES:
        raise InvalidRequestError(f"--type: {type!r} is not one of {', '.join(IDENTIFIER_TYPES)}.")
    return type  # type: ignore[return-value]


def _named(text: str, type: str | None) -> Iterator[Named]:
    """What the text may be an identifier of. Raises InvalidRequestError when it is none."""
    kind = checked_type(type)
    why = ""
    found = False
    for one in (kind,) if kind else IDENTIFIER_TYPES:
        try:
            yield Named(one, NORMALISERS[one](text).key)
            found = True
        except ValueError as error:
            why = str(error)
    if not found:
        raise InvalidRequestError(f"{text[:80]!r} {why}; nothing was forgotten.")


def _ids(connection: Connection[Any], named: Sequence[Named]) -> list[int]:
    parameters = {"types": [it.type for it in named], "keys": [it.key for it in named]}
    return rows(connection, SQL.find, int, parameters)


def _strays(connection: Connection[Any]) -> Iterator[list[Stray]]:
    after = 0
    while page := rows(connection, SQL.next_strays, Stray, {"after": after, "limit": BATCH}):
        yield page
        after = page[-1].id


def _kept(context: Context, whom: Whom) -> Iterator[UUID]:
    """The jobs whose results are kept on this machine and name them, as far as they can be read."""
    from manager.vendor import download

    for job_id in keep.jobs(context):
        lines = download.lines(keep.files(context, job_id), context.settings)
        with suppress(ResultsCorrupt, ResultsTooLarge, OSError):
            if any(map(whom.named_in, lines)):
                yield job_id


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
