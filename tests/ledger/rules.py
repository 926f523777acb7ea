"""The rules for migrations, as far as the catalogue shows whether they were kept.

A schema is read before and after a migration; what the release before has, and may rely on, must
be there still, or accept all that it did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.rows import class_row


class Table(NamedTuple):
    """file: another one after a migration that has rewritten the table under its lock."""

    table: str
    file: int


class Column(NamedTuple):
    table: str
    name: str
    type: str
    required: bool
    default: str | None


class Constraint(NamedTuple):
    """kind: c(heck), f(oreign key), p(rimary key), u(nique)."""

    table: str
    name: str
    kind: str
    columns: list[str]
    text: str


class Thing(NamedTuple):
    """An index, a trigger or a function."""

    table: str
    name: str
    text: str


Row = TypeVar("Row", Table, Column, Constraint, Thing)

IN_SCHEMA = "n.nspname = %(schema)s"
OF_TABLE = (
    f"pg_class c ON c.oid = {{}} JOIN pg_namespace n ON n.oid = c.relnamespace AND {IN_SCHEMA}"
)
TABLES = f"""
SELECT c.relname AS table, c.relfilenode::bigint AS file
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {IN_SCHEMA} AND c.relkind = 'r'
  AND c.relname NOT IN ('enrichd_version', 'alembic_version')
"""
COLUMNS = f"""
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required,
       coalesce(nullif(a.attidentity::text, ''), pg_get_expr(d.adbin, d.adrelid)) AS default
FROM pg_attribute a JOIN {OF_TABLE.format("a.attrelid")}
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
  AND c.relname NOT IN ('enrichd_version', 'alembic_version')
"""
CONSTRAINTS = f"""
SELECT c.relname AS table, k.conname AS name, k.contype::text AS kind,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)) AS columns,
       pg_get_constraintdef(k.oid) AS text
FROM pg_constraint k JOIN {OF_TABLE.format("k.conrelid")}
WHERE k.contype IN ('c', 'f', 'p', 'u') AND c.relname NOT IN ('enrichd_version', 'alembic_version')
"""
INDEXES = f"""
SELECT c.relname AS table, i.relname AS name, pg_get_indexdef(x.indexrelid) AS text
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN {OF_TABLE.format("x.indrelid")}
WHERE NOT EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u'))
"""
TRIGGERS = f"""
SELECT c.relname AS table, t.tgname AS name, pg_get_triggerdef(t.oid) AS text
FROM pg_trigger t JOIN {OF_TABLE.format("t.tgrelid")} WHERE NOT t.tgisinternal
"""
FUNCTIONS = f"""
SELECT '' AS table, p.proname AS name, p.prosrc AS text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {IN_SCHEMA}
"""
# As the catalogue writes `x IN (…)`, and `(OLD.state, NEW.state) NOT IN (…)`.
_VALUES = re.compile(r"ARRAY\[[^]]*\]")
_MOVE = re.compile(
    r"(?: AND )?\(+old\.state <> '(\w+)'::text\) OR \(new\.state <> '(\w+)'::text\)+"
)


class Schema(NamedTuple):
    """What the catalogue says of a schema."""

    tables: list[Table]
    columns: list[Column]
    constraints: list[Constraint]
    indexes: list[Thing]
    triggers: list[Thing]
    functions: list[Thing]


def read(connection: psycopg.Connection[Any], schema: str) -> Schema:
    """The schema as it is now."""

    def rows(row: type[Row], query: str) -> list[Row]:
        with connection.cursor(row_factory=class_row(row)) as cursor:
            return cursor.execute(query.encode(), {"schema": schema}).fetchall()

    return Schema(
        rows(Table, TABLES),
        rows(Column, COLUMNS),
        rows(Constraint, CONSTRAINTS),
        rows(Thing, INDEXES),
        rows(Thing, TRIGGERS),
        rows(Thing, FUNCTIONS),
    )


def breaches(before: Schema, after: Schema) -> list[str]:
    """What a migration has done that it must not, each in a sentence."""
    return [
        *_tables(before, after),
        *_columns(before, after),
        *_constraints(before, after),
        *_things("index", before.indexes, after.indexes),
        *_unique(before, after),
        *_things("trigger", before.triggers, after.triggers),
        *_things("function", before.functions, after.functions),
    ]


def _tables(before: Schema, after: Schema) -> Iterator[str]:
    files = dict(after.tables)
    for table, file in before.tables:
        if table not in files:
            yield f"table {table} is gone"
        elif files[table] != file:
            yield f"table {table} is rewritten"


def _columns(before: Schema, after: Schema) -> Iterator[str]:
    now = {column[:2]: column for column in after.columns}
    for column in before.columns:
        if column[:2] not in now:
            yield f"column {column.table}.{column.name} is gone"
        elif now[column[:2]] != column:
            yield f"column {column.table}.{column.name} is another"
    for column in _new(before.columns, after.columns, before):
        if column.required and column.default is None:
            yield f"column {column.table}.{column.name} is required, and has no default"


def _constraints(before: Schema, after: Schema) -> Iterator[str]:
    now = {constraint[:2]: constraint for constraint in after.constraints}
    for old in before.constraints:
        new = now.get(old[:2])
        if new is None and old.kind != "c":
            yield f"constraint {old.name} is gone"
        elif new is not None and not _accepts_all(old, new):
            yield f"constraint {old.name} does not accept all that it did"
    fresh = {column[:2] for column in _new(before.columns, after.columns, before)}
    for new in _new(before.constraints, after.constraints, before):
        if not any((new.table, column) in fresh for column in new.columns):
            yield f"constraint {new.name} is on what the release before writes"


def _accepts_all(old: Constraint, new: Constraint) -> bool:
    if old.text == new.text:
        return True
    if (old.kind, new.kind) == ("u", "u"):
        return set(old.columns) < set(new.columns)
    return _allows_more(old.text, new.text)


def _things(kind: str, before: list[Thing], after: list[Thing]) -> Iterator[str]:
    now = {thing[:2]: thing.text for thing in after}
    for thing in before:
        text = now.get(thing[:2])
        if text is None:
            yield f"{kind} {thing.name} is gone"
        elif text != thing.text and not (kind == "trigger" and _allows_more(thing.text, text)):
            yield f"{kind} {thing.name} is another"


def _unique(before: Schema, after: Schema) -> Iterator[str]:
    for index in _new(before.indexes, after.indexes, before):
        if index.text.startswith("CREATE UNIQUE"):
            yield f"index {index.name} is on what the release before writes"


def _allows_more(old: str, new: str) -> bool:
    """Whether they differ only in values, or moves, that the new one allows besides."""
    if _VALUES.sub("", _MOVE.sub("", old)) != _VALUES.sub("", _MOVE.sub("", new)):
        return False
    values = zip(_VALUES.findall(old), _VALUES.findall(new), strict=True)
    return set(_MOVE.findall(old)) <= set(_MOVE.findall(new)) and all(
        set(re.findall(r"'\w+'", one)) <= set(re.findall(r"'\w+'", another))
        for one, another in values
    )


def _new(before: list[Row], after: list[Row], schema: Schema) -> Iterator[Row]:
    """What is new in tables that are not."""
    tables, had = {it.table for it in schema.tables}, {it[:2] for it in before}
    return (it for it in after if it.table in tables and it[:2] not in had)
