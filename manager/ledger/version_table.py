"""Where the schema's revision is noted: in a table of our own name.

The releases before 0.3 noted it in `alembic_version`, as any program with Alembic does. Theirs is
taken over, marked as ours, and kept in step: a process of theirs finds a newer schema there, and
leaves it alone. Another program's is never touched. The former table goes one release later.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from manager.ledger.revision import FORMER, NAME

MARK = "kept by enrichd for its releases before 0.3; see enrichd_version"


def take_over(connection: Connection, schema: str, revision: str | None) -> None:
    """Note the revision in our own table, if it was found in the former one."""
    if revision is None or _exists(connection, schema, NAME):
        return
    _make(connection, schema, NAME)
    _note(connection, schema, NAME, revision)
    _mark(connection, schema)


def keep_in_step(connection: Connection, schema: str, *, give_back: bool) -> None:
    """Note in the former table, where it is ours, what is noted in our own.

    give_back: after a downgrade, which is for a release before: it is made again where it is not.
    """
    revision = _noted(connection, schema, NAME)
    if give_back and revision and not _exists(connection, schema, FORMER):
        _make(connection, schema, FORMER)
        _mark(connection, schema)
    if _is_marked(connection, schema):
        _note(connection, schema, FORMER, revision)


def _make(connection: Connection, schema: str, table: str) -> None:
    what = f'"{schema}".{table} (version_num varchar(32) PRIMARY KEY)'
    connection.execute(text(f"CREATE TABLE {what}"))


def _note(connection: Connection, schema: str, table: str, revision: str | None) -> None:
    where = f'"{schema}".{table}'
    connection.execute(text(f"DELETE FROM {where}"))  # noqa: S608 - a setting of ours
    if revision:
        insert = f"INSERT INTO {where} VALUES (:revision)"  # noqa: S608
        connection.execute(text(insert), {"revision": revision})


def _mark(connection: Connection, schema: str) -> None:
    connection.execute(text(f"COMMENT ON TABLE \"{schema}\".{FORMER} IS '{MARK}'"))


def _is_marked(connection: Connection, schema: str) -> bool:
    query = text("SELECT obj_description(to_regclass(:name), 'pg_class')")
    return bool(connection.scalar(query, {"name": f'"{schema}".{FORMER}'}) == MARK)


def _exists(connection: Connection, schema: str, table: str) -> bool:
    query = text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.scalar(query, {"name": f'"{schema}".{table}'}))


def _noted(connection: Connection, schema: str, table: str) -> str | None:
    query = text(f'SELECT version_num FROM "{schema}".{table}')  # noqa: S608 - a setting of ours
    revision: str | None = connection.scalar(query)
    return revision
