"""One page of a list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.errors import QueryCanceled

from manager.errors import InvalidRequestError
from manager.ledger.execute import execute, rows
from manager.operator.chosen import Chosen
from manager.operator.listing.rows import Row
from manager.operator.listing.sorts import SQL, sort_of

PATIENCE = 20
"""Seconds that a page may take. Only a search for a text, or for what is rare, comes near."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in order, and where the next page begins; None: there is none."""

    rows: list[Any]
    next: str | None


@contextmanager
def patiently(connection: Connection[Any]) -> Iterator[None]:
    """A transaction that cannot write, and in which nothing takes longer than PATIENCE: that raises
    InvalidRequestError.
    """
    try:
        with connection.transaction():
            execute(connection, SQL.patience, {"patience": f"{PATIENCE * 1000:.0f}ms"})
            yield
    except QueryCanceled:
        raise InvalidRequestError(
            f"That takes longer than {PATIENCE} s: narrow it, for example by since, state, "
            "account or lane."
        ) from None


def page(
    connection: Connection[Any],
    chosen: Chosen,
    sort: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page:
    """The rows that a filter chooses, of the kind's class, in that order (see `SORTS`), from where
    another page has ended. Raises InvalidRequestError.
    """
    by = sort_of(chosen, sort)
    parameters = chosen.parameters | by.parameters(after) | {"limit": limit + 1}
    sql, row = by.sql, by.row
    with patiently(connection):
        found: list[Row] = rows(connection, sql, row, parameters)
    more = len(found) > limit
    return Page(found[:limit], by.after(found[limit - 1]) if more else None)


def pages(
    connection: Connection[Any], chosen: Chosen, sort: str | None = None, size: int = 1_000
) -> Iterator[list[Any]]:
    """All of them, a page at a time."""
    after: str | None = None
    while True:
        found = page(connection, chosen, sort, after, size)
        if found.rows:
            yield found.rows
        after = found.next
        if after is None:
            return
