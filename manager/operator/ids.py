"""Ids as people type them: whole, or as much of their beginning as tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import Connection

from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.chosen import Kind, choose, reading

SQL = reading(Statements("ids"))
NOUNS: Mapping[Kind, str] = {
    "job": "job",
    "request": "request",
    "enrichment": "enrichment",
    "vendor_job": "job of the vendor's",
    "stray": "stray",
    "lane": "lane",
}
SHOWN = 5
_BEGINNING: Mapping[Kind, LiteralString] = {
    "job": SQL.jobs,
    "request": SQL.requests,
    "enrichment": SQL.enrichments,
    "vendor_job": SQL.vendor_jobs,
    "stray": SQL.strays,
    "lane": SQL.lanes,
}


def beginning_with(connection: Connection[Any], kind: Kind, text: str, limit: int) -> list[str]:
    """The ids of that kind that begin so, the newest first; none for what cannot be one."""
    try:
        chosen = choose(kind, {"id": text})
    except InvalidRequestError:
        return []
    if "id" not in chosen.given or "," in text:
        return []
    sql = _BEGINNING[kind]
    return rows(connection, sql, str, chosen.parameters | {"limit": limit})


def whole_id(connection: Connection[Any], kind: Kind, text: str) -> str:
    """The id that is meant. Raises NotFoundError when there is none, InvalidRequestError with the
    candidates when there are several.
    """
    found = beginning_with(connection, kind, text, SHOWN + 1)
    if not found:
        plain = text.strip() and text.isprintable() and len(text) <= 80
        shown = text if plain else repr(text[:80])
        raise NotFoundError(f"There is no {NOUNS[kind]} {shown} in the ledger.")
    if len(found) > 1:
        more = ", …" if len(found) > SHOWN else ""
        raise InvalidRequestError(
            f"{text[:80]!r} is the beginning of several ids: {', '.join(found[:SHOWN])}{more}. "
            "Give more of the one that is meant."
        )
    return found[0]
