"""Rekey: bring the keys that an earlier release has written to today's rules, once.

What was one company twice under the old rules stays two; a new enqueue finds the one with the key.
A merge recognises what is in a job by old keys and new, see `manager.steps.echoes`. At its end it
rekeys what the job held: what `rekey` has left, and what callers of an earlier release still write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, UniqueViolation

from manager.identifiers import NORMALISERS, Identifier
from manager.ledger.connect import limit_waiting
from manager.ledger.execute import execute, one, rows
from manager.ledger.sql import Statements
from manager.logs import get_logger

log = get_logger(__name__)

SQL = Statements("rekey")
SQL = SQL.reading(SQL.old, instead_of="old")
RULES = 2
BATCH = 5_000
# Shorter than the time after which Postgres looks for a deadlock: enqueues must not lose by one.
LOCK_WAIT = 0.2
TRIES = 3


@dataclass(frozen=True, slots=True)
class Unruly:
    """An enrichment whose key may be another one by today's rules."""

    id: int
    identifier_type: str
    key: str
    identifier: str
    state: str

    @property
    def wanted(self) -> Identifier | None:
        """Its key and identifier by today's rules, if they are others."""
        try:
            found = NORMALISERS[self.identifier_type](self.identifier)
        except ValueError:  # none any more; it stays until it is asked for no longer
            return None
        return found if found != (self.key, self.identifier) else None


def rekey(connection: Connection[Any]) -> None:
    """Rewrite what follows older rules, in short transactions, beside daemons and callers at work.

    connection: in autocommit mode. What cannot be rewritten now, as it is in a job or held, is
    left to the next call.
    """
    if one(connection, SQL.rules, int, {}) >= RULES:
        return
    rewritten, left = 0, 0
    for found in _unruly(connection):
        wanted = _wanted(found)
        left += sum(it.state == "packed" and it.wanted is not None for it in found)
        count = _rewrite(connection, wanted) if wanted else 0
        rewritten += count or 0
        left += len(wanted) if count is None else 0
    if rewritten or left:
        log.info("keys.rewritten", count=rewritten, left=left)
    if not left:
        execute(connection, SQL.ruled, {"rules": RULES})


def rekey_ended(connection: Connection[Any], job_id: UUID) -> None:
    """The same of what has ended in the job, as far as nobody holds it; in autocommit mode."""
    if wanted := _wanted(rows(connection, SQL.ended_in, Unruly, {"job_id": job_id})):
        _rewrite(connection, wanted)


def namesakes(connection: Connection[Any], named: Iterable[tuple[str, str]]) -> list[int]:
    """The enrichments that have kept an older key, and have one of these by today's rules."""
    named = set(named)
    return [
        it.id
        for page in _unruly(connection)
        for it in page
        if (new := it.wanted) and (it.identifier_type, new.key) in named
    ]


def _unruly(connection: Connection[Any]) -> Iterator[list[Unruly]]:
    after = 0
    while found := rows(connection, SQL.unruly, Unruly, {"after": after, "limit": BATCH}):
        after = found[-1].id
        yield found


def _wanted(found: Iterable[Unruly]) -> dict[int, Identifier]:
    """What failed is bought again in any case; an older daemon may yet merge it by its old key."""
    return {
        it.id: new for it in found if it.state not in ("packed", "failed") and (new := it.wanted)
    }


def _rewrite(connection: Connection[Any], wanted: dict[int, Identifier]) -> int | None:
    """How many were; None when others hold what it takes."""
    parameters = {
        "ids": list(wanted),
        "keys": [it.key for it in wanted.values()],
        "identifiers": [it.identifier for it in wanted.values()],
    }
    for _ in range(TRIES):
        try:
            with connection.transaction():
                limit_waiting(connection, LOCK_WAIT)
                return execute(connection, SQL.rekey, parameters)
        except (LockNotAvailable, UniqueViolation, DeadlockDetected):
            continue
    return None
