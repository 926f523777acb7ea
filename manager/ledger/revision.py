"""Which revision the schema is at, and which this program needs; told without Alembic."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, UndefinedTable

from manager.errors import ConfigurationError
from manager.ledger.execute import Execute, first, perform, rows
from manager.ledger.sql import Statements

SQL = Statements("revision")
NAME = "enrichd_version"
FORMER = "alembic_version"
# Together they are no other program's.
TELLING = {"enrichment", "job", "lane", "request", "request_item", "result", "slot"}
_INSTALLED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "alembic"
_REVISION = re.compile(r'^revision(?:: str)? = "(\w+)"$', re.MULTILINE)


@cache
def known() -> tuple[str, ...]:
    """The revisions that this program knows, the oldest first: their files are numbered."""
    location = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    files = sorted((location / "versions").glob("[0-9]*.py"))
    return tuple(found[1] for file in files if (found := _REVISION.search(file.read_text())))


def newest() -> str:
    """The revision that this program needs."""
    return known()[-1]


def current(connection: Connection[Any], schema: str) -> str | None:
    """The revision that the schema is at; None when it was never migrated.

    The connection's search_path names the schema. Raises InsufficientPrivilege.
    """
    there = set(tables(connection, schema))
    try:
        if NAME in there:
            return first(connection, SQL.current, str, {})
        if FORMER not in there or not there >= TELLING:
            return None
        # a table that most ledgers do not have any more
        found, _ = perform(connection, Execute(SQL.former, row=str))
    except UndefinedTable:  # it is there, and not for a role that may not enter the schema
        raise InsufficientPrivilege(f"permission denied for schema {schema}") from None
    return next((it for it in found if it in known()), None)


def check(connection: Connection[Any], schema: str) -> None:
    """Raise ConfigurationError when the schema is older than this program needs.

    A newer one is no trouble: each migration leaves the release before it working.
    """
    have = current(connection, schema)
    if have != newest() and (have is None or have in known()):
        raise ConfigurationError(
            f"The ledger (schema {schema}) is at revision {have or 'none'}, this program needs "
            f"{newest()}. Run `enrichd db upgrade`."
        )


def tables(connection: Connection[Any], schema: str) -> list[str]:
    """The schema's tables; none where there is no schema."""
    return rows(connection, SQL.tables, str, {"schema": schema})
