"""Forget: take out of the ledger whom an enrichment is about, and what was found of them.

What is counted stays: that something was bought by a job, for a request, with which outcome. What
is in a job that the vendor has, or may have, must be known by its key when its results come; it is
marked, and forgotten in the transaction that settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from manager import faultpoint
from manager.endpoints import ENDPOINTS
from manager.identifiers import NORMALISERS
from manager.ledger.execute import execute, rows, transaction
from manager.ledger.sql import Statements
from manager.vendor.envelope import BadEnvelope, decode

SQL = Statements("forget")
COMMIT = faultpoint.point("forget.commit")
BLANK = "(forgotten)"
REASON = "forgotten"
_ID_FIELDS = {it.id_field for it in ENDPOINTS.values()}


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier by its type and key."""

    type: str
    key: str


class Whom:
    """Who is to be forgotten, and whether a line of a results file is about one of them."""

    def __init__(self, named: Iterable[Named], vendor_ids: Iterable[str] = ()) -> None:
        self._keys: dict[str, set[str]] = {}
        for it in named:
            self._keys.setdefault(it.type, set()).add(it.key)
        self._vendor_ids = frozenset(vendor_ids)

    def named_in(self, line: bytes) -> bool:
        """By its identifier or the vendor's id; one that cannot be read, by what it quotes."""
        try:
            envelope = decode(line)
        except BadEnvelope:
            text = line.decode(errors="replace").casefold()
            keys = {key for keys in self._keys.values() for key in keys}
            return any(json.dumps(it, ensure_ascii=False).casefold() in text for it in keys)
        if any(
            _key(kind, envelope.original_identifier) in keys for kind, keys in self._keys.items()
        ):
            return True
        if not self._vendor_ids:
            return False
        record = msgspec.json.decode(envelope.data)
        return any(str(record.get(name)) in self._vendor_ids for name in _ID_FIELDS)


def _key(identifier_type: str, identifier: str) -> str | None:
    try:
        return NORMALISERS[identifier_type](identifier).key
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Stray:
    """An envelope that settled nothing."""

    id: int
    job_id: UUID
    envelope: bytes


@dataclass(slots=True)
class Forgotten:
    """What was removed; `marked` are those that are forgotten when their job has ended."""

    results: int = 0
    items: int = 0
    strays: int = 0
    marked: list[int] = field(default_factory=list)


def forget_ended(connection: Connection[Any], job_id: UUID | None = None) -> None:
    """Forget what was to be forgotten at the end of that job, or of any."""
    if ids := rows(connection, SQL.ended, int, {"job_id": job_id}):
        with transaction(connection, COMMIT):
            execute(connection, SQL.lock, {"ids": ids})
            blank(connection, ids)


def blank(connection: Connection[Any], ids: list[int]) -> Forgotten:
    """Forget these enrichments, which are locked, as far as they have ended."""
    parameters: dict[str, Any] = {"ids": ids, "blank": BLANK, "reason": REASON}
    named = rows(connection, SQL.named, Named, parameters)
    done = Forgotten(items=execute(connection, SQL.blank_items, parameters))
    jobs = rows(connection, SQL.blank_results, UUID, parameters)
    done.results = len(jobs)
    parameters["job_ids"] = sorted(set(jobs))
    strays = rows(connection, SQL.strays_of, Stray, parameters)
    done.strays = delete_strays(connection, strays, Whom(named))
    execute(connection, SQL.blank_jobs, parameters)
    execute(connection, SQL.blank_enrichments, parameters)
    execute(connection, SQL.unmark, parameters)
    return done


def delete_strays(connection: Connection[Any], strays: Iterable[Stray], whom: Whom) -> int:
    """Delete those of the envelopes that name them; how many."""
    found = [it for it in strays if whom.named_in(bytes(it.envelope))]
    if not found:
        return 0
    execute(connection, SQL.blank_jobs, {"job_ids": sorted({it.job_id for it in found})})
    return execute(connection, SQL.delete_strays, {"ids": [it.id for it in found]})
