"""One migrated ledger for many tests, which each find it as if it had just been made."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

from manager.errors import UnavailableError
from manager.ledger import migrate
from manager.settings import Settings

# Seconds to wait for what a test has left locked.
LOCKED_WITHIN = 5.0
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
REFERENCES = """
SELECT r.relname, t.relname FROM pg_constraint
JOIN pg_class r ON r.oid = conrelid JOIN pg_class t ON t.oid = confrelid
WHERE contype = 'f' AND r.relnamespace = %s::regnamespace AND r.oid <> t.oid
"""
SEQUENCES = """
SELECT sequencename, last_value FROM pg_sequences
WHERE schemaname = %s AND last_value IS NOT NULL
"""
HOLDERS = """
SELECT pid, application_name, state, left(query, 80) FROM pg_stat_activity
WHERE datname = current_database() AND pid IN (
    SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relnamespace = %s::regnamespace AND l.granted AND l.pid <> pg_backend_pid()
)
"""
# Changes with every table, index, column, constraint, trigger, function and option of the schema
# that comes, goes or is altered, and with no row.
SHAPE = """
WITH ours AS (
    SELECT oid FROM pg_namespace WHERE nspname = %s
), relation AS (
    SELECT c.oid, relname, reloptions FROM pg_class c JOIN ours ON ours.oid = relnamespace
)
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
    SELECT concat(oid, relname, reloptions) FROM relation
    UNION ALL
    SELECT concat(attrelid, attnum, a.xmin) FROM pg_attribute a JOIN relation r ON r.oid = attrelid
    UNION ALL
    SELECT concat(c.oid, c.xmin) FROM pg_constraint c JOIN ours ON ours.oid = connamespace
    UNION ALL
    SELECT concat(t.oid, t.xmin) FROM pg_trigger t JOIN relation r ON r.oid = tgrelid
    UNION ALL
    SELECT concat(p.oid, p.xmin) FROM pg_proc p JOIN ours ON ours.oid = pronamespace
) AS parts (part)
"""


class CleanLedger:
    """A schema with what the migrations write into it, and nothing else.

    A test may do with it what it likes: rows are taken back, and a schema that was changed is
    made anew. Nothing beside the schema is touched, and the role may be any that owns it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._schema = settings.database_schema
        self._make()

    def renew(self) -> None:
        """Take back all that was done to the ledger since; it takes a twentieth of a second.

        Raises UnavailableError when a transaction that was left open keeps it from that.
        """
        with psycopg.connect(self._settings.postgres, autocommit=True) as connection:
            try:
                if self._shape_now(connection) == self._shape:
                    with connection.transaction():
                        self._limit_waiting(connection)
                        self._restore_rows(connection)
                    return
                with connection.transaction():
                    self._limit_waiting(connection)
                    self._drop(connection)
            except LockNotAvailable:
                raise self._held(connection) from None
        self._make()

    def drop(self) -> None:
        """Remove the schema."""
        with psycopg.connect(self._settings.postgres, autocommit=True) as connection:
            self._drop(connection)

    def _make(self) -> None:
        migrate.upgrade(self._settings)
        with psycopg.connect(self._settings.postgres, autocommit=True) as connection:
            self._shape = self._shape_now(connection)
            self._rows = {
                table: self._copied(connection, table) for table in self._in_order(connection)
            }
            self._sequences = connection.execute(SEQUENCES, [self._schema]).fetchall()

    def _in_order(self, connection: psycopg.Connection[Any]) -> list[str]:
        """The tables, each behind those that its rows refer to."""
        needs: dict[str, set[str]] = {
            table: set() for (table,) in connection.execute(TABLES, [self._schema])
        }
        for table, target in connection.execute(REFERENCES, [self._schema]):
            needs[table].add(target)
        return list(TopologicalSorter(needs).static_order())

    def _restore_rows(self, connection: psycopg.Connection[Any]) -> None:
        tables = sql.SQL(", ").join(map(self._of, self._rows))
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
        for table, rows in self._rows.items():
            if rows:
                into = sql.SQL("COPY {} FROM STDIN").format(self._of(table))
                with connection.cursor().copy(into) as copy:
                    copy.write(rows)
        for sequence, last in self._sequences:
            where = self._of(sequence).as_string(connection)
            connection.execute("SELECT setval(%s::regclass, %s)", [where, last])

    def _copied(self, connection: psycopg.Connection[Any], table: str) -> bytes:
        with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(self._of(table))) as rows:
            return b"".join(map(bytes, rows))

    def _shape_now(self, connection: psycopg.Connection[Any]) -> Any:
        return connection.execute(SHAPE, [self._schema]).fetchone()

    def _drop(self, connection: psycopg.Connection[Any]) -> None:
        schema = sql.Identifier(self._schema)
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))

    def _limit_waiting(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"SET LOCAL lock_timeout TO '{LOCKED_WITHIN:g}s'")

    def _held(self, connection: psycopg.Connection[Any]) -> UnavailableError:
        holders = connection.execute(HOLDERS, [self._schema]).fetchall()
        who = "; ".join(
            f"pid {pid} ({name or 'no name'}, {state}): {query}"
            for pid, name, state, query in holders
        )
        return UnavailableError(
            f"The ledger (schema {self._schema}) cannot be made clean for the next test: a "
            "transaction that was left open holds its tables. End it in the test that began it. "
            f"Those that hold it: {who or 'none any more'}."
        )

    def _of(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)
