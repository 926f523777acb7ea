"""Search: from one word to what it is the name of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from manager.client.known import Known
from manager.client.lookup import Lookup
from manager.errors import InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, NORMALISERS
from manager.ledger.execute import first, rows
from manager.ledger.script import run
from manager.ledger.sql import Statements
from manager.operator.chosen import Chosen, choose, reading
from manager.operator.ids import beginning_with
from manager.operator.listing.paging import page, patiently
from manager.operator.metadata import anywhere
from manager.operator.words import counted

SQL = reading(Statements("search"))
# Shorter ones begin the ids of years.
SHORTEST = 6
LONGEST = 2_000
_NAMED = re.compile(
    r"(job|request|enrichment|stray|lane|account|batch)(?:\s*[:#]\s*|\s+)(.+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that is meant: its kind and id (of an account its name), by what it was found, and
    how it stands.
    """

    kind: str
    id: str
    account: str
    by: str
    sentence: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a word names. `known`: what the ledger knows of it as an identifier, of each type that
    it can be of, with each purchase in its history.
    """

    word: str
    hits: list[Hit] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was found."""

    id: str
    account: str
    endpoint: str
    state: str
    identifier_count: int
    batch_id: str | None
    created_at: datetime
    ended_at: datetime | None

    def hit(self, by: str) -> Hit:
        """As it is shown."""
        sentence = f"{self.state}, {counted(self.identifier_count, 'identifier')}, {self.endpoint}"
        return Hit("job", self.id, self.account, by, sentence, self.created_at)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was found."""

    id: str
    account: str
    endpoint: str
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    created_at: datetime
    finished_at: datetime | None

    def hit(self, by: str) -> Hit:
        """As it is shown."""
        settled = self.fulfilled + self.not_found + self.failed + self.cancelled
        standing = "finished" if self.finished_at else f"open, {settled:,} settled"
        sentence = f"{standing}, {counted(self.total, 'identifier')}, {self.endpoint}"
        return Hit("request", self.id, self.account, by, sentence, self.created_at)


@dataclass(frozen=True, slots=True)
class VendorJob:
    """A job on the vendor's list that was found."""

    id: str
    account: str
    whose: str
    job_id: UUID | None
    status: str
    identifier_count: int | None
    began_at: datetime

    def hit(self) -> Hit:
        """As it is shown."""
        ours = f", our job {self.job_id}" if self.job_id else ""
        sentence = f"{self.whose}{ours}, {self.status} when it was seen last"
        return Hit("vendor_job", self.id, self.account, "batch id", sentence, self.began_at)


def search(connection: Connection[Any], word: str, limit: int = 20) -> Found:
    """What the word names: an account, the id (or its beginning) of a request or a job, a batch id,
    an idempotency key, a tag, a value in metadata (also as KEY=VALUE), an identifier of any type in
    any spelling; `lane 5`, `job 0199…` and the like say which is meant.

    At most `limit` hits of each. Raises InvalidRequestError.
    """
    word = word.strip()
    if not 0 < len(word) <= LONGEST or "\0" in word or not _is_text(word):
        raise InvalidRequestError(f"Search for 1 to {LONGEST:,} characters, not {word[:40]!r}.")
    found = Found(word)
    with patiently(connection):
        if named := _NAMED.fullmatch(word):
            found.hits.extend(_named(connection, named[1].lower(), named[2], limit))
        found.hits.extend(_accounts(connection, word))
        found.hits.extend(_by_id(connection, word, limit))
        found.hits.extend(_by_batch(connection, word, limit))
        found.hits.extend(_kept(connection, word, limit))
        chosen = _as_identifier(word)
        if chosen is not None:
            found.hits.extend(_enrichments(connection, chosen, limit))
    if chosen is not None:
        found.known.extend(_known(connection, word))
    unique = {(it.kind, it.id, it.account): it for it in reversed(found.hits)}
    found.hits[:] = reversed(unique.values())
    return found


def _named(connection: Connection[Any], kind: str, id: str, limit: int) -> Iterator[Hit]:
    """What is said to be one of that kind."""
    match kind:
        case "job" | "request":
            yield from _by_id(connection, id, limit, kinds=(kind,))
        case "account":
            yield from _accounts(connection, id)
        case "batch":
            yield from _by_batch(connection, id, limit)
        case "lane" | "stray" | "enrichment":
            known: Any = kind
            if beginning_with(connection, known, id, 1):
                for row in page(connection, choose(known, {"id": id}), limit=limit).rows:
                    yield _row(kind, row)


def _row(kind: str, row: Any) -> Hit:
    match kind:
        case "lane":
            fields = f", {', '.join(row.fields)}" if row.fields else ""
            sentence = f"{row.type}, {row.endpoint}{fields}; {row.waiting:,} wait"
            return Hit(kind, str(row.lane_id), row.account, "number", sentence, row.created_at)
        case "stray":
            sentence = f"line {row.line:,} of job {row.job_id}: {row.reason}"
            return Hit(kind, str(row.stray_id), row.account, "number", sentence, row.kept_at)
        case _:
            fields = f", {', '.join(row.fields)}" if row.fields else ""
            sentence = f"{row.identifier}: {row.state.replace('_', ' ')}, {row.endpoint}{fields}"
            at = row.settled_at or row.due_at
            return Hit(
                "enrichment", str(row.enrichment_id), row.account, "identifier", sentence, at
            )


def _accounts(connection: Connection[Any], word: str) -> Iterator[Hit]:
    name = first(connection, SQL.accounts, str, {"word": word})
    if name is not None:
        yield Hit("account", name, name, "name", "an account")


def _by_id(
    connection: Connection[Any], word: str, limit: int, kinds: Sequence[str] = ("request", "job")
) -> Iterator[Hit]:
    if len(word) < SHORTEST:
        return
    whole = len(word.replace("-", "")) == len(UUID(int=0).hex)
    by = "id" if whole else "beginning of its id"
    for kind in kinds:
        some: Any = kind
        ids = beginning_with(connection, some, word, limit)
        if ids:
            yield from _chosen(connection, choose(some, {"id": ",".join(ids)}), by, limit)


def _by_batch(connection: Connection[Any], word: str, limit: int) -> Iterator[Hit]:
    parameters = choose("vendor_job", {}).parameters | {"ids": [word], "limit": limit}
    for seen in rows(connection, SQL.vendor_jobs, VendorJob, parameters):
        yield seen.hit()
    ids = rows(connection, SQL.jobs_of_batches, UUID, {"batch_ids": [word]})
    if ids:
        given = {"id": ",".join(map(str, ids))}
        yield from _chosen(connection, choose("job", given), "batch id", limit)


def _kept(connection: Connection[Any], word: str, limit: int) -> Iterator[Hit]:
    """Requests that callers have given that, as their key, their tag or in their metadata."""
    asked = {"word": word, "limit": limit, "path": anywhere(word)}
    found = {
        "idempotency key": rows(connection, SQL.requests_of_key, UUID, asked),
        "tag": rows(connection, SQL.requests_tagged, UUID, asked),
        "metadata": rows(connection, SQL.requests_keeping, UUID, asked),
    }
    for by, ids in found.items():
        if ids:
            given = {"id": ",".join(map(str, ids))}
            yield from _chosen(connection, choose("request", given), by, limit)
    key, equals, value = word.partition("=")
    if equals and key.strip() and value.strip():
        chosen = choose("request", {f"metadata.{key.strip()}": value})
        yield from _chosen(connection, chosen, f"metadata {key.strip()}", limit)


def _chosen(connection: Connection[Any], chosen: Chosen, by: str, limit: int) -> Iterator[Hit]:
    parameters = chosen.parameters | {"limit": limit}
    if chosen.kind == "job":
        for job in rows(connection, SQL.jobs, Job, parameters):
            yield job.hit(by)
    else:
        for request in rows(connection, SQL.requests, Request, parameters):
            yield request.hit(by)


def _as_identifier(word: str) -> Chosen | None:
    try:
        return choose("enrichment", {"identifier": word})
    except InvalidRequestError:
        return None


def _enrichments(connection: Connection[Any], chosen: Chosen, limit: int) -> Iterator[Hit]:
    for row in page(connection, chosen, limit=limit).rows:
        yield _row("enrichment", row)


def _known(connection: Connection[Any], word: str) -> Iterator[Known]:
    """What the ledger knows of it by each type, where it was ever asked for."""
    for name in IDENTIFIER_TYPES:
        try:
            NORMALISERS[name](word)
        except ValueError:
            continue
        type: Any = name
        for script in Lookup(type, [word], history=True).chunks():
            with connection.transaction():
                yield from (it for it in run(connection, script) if it.account is not None)


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
