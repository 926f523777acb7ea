"""One migrated ledger for many tests, which each find it as if it had just been made."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from manager import Settings
from manager.ledger import migrate

# Whatever the test before has left running: it would wait for our locks, or write to us.
END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
SEQUENCES = """
SELECT sequencename, last_value FROM pg_sequences
WHERE schemaname = %s AND last_value IS NOT NULL
"""
# Changes with every schema, table, index, column, constraint, trigger, function and option that
# comes, goes or is altered, and with no row. Objects of Postgres' own have lower numbers.
SHAPE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
    SELECT nspname::text FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
    UNION ALL
    SELECT concat(oid, relname, reloptions) FROM pg_class
    WHERE oid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT concat(a.attrelid, a.attnum, a.xmin) FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid WHERE c.oid >= 16384 AND c.relpersistence <> 't'
    UNION ALL SELECT concat(oid, xmin) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat(oid, xmin) FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT concat(oid, xmin) FROM pg_proc WHERE oid >= 16384
) AS parts (part)
"""


class CleanLedger:
    """A schema with what the migrations write into it, and nothing else.

    A test may do with it what it likes: rows are taken back, and a schema that was changed is
    made anew.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._make()

    def renew(self) -> None:
        """Take back all that was done to the ledger since; it takes a twentieth of a second."""
        with psycopg.connect(self._settings.postgres, autocommit=True) as connection:
            connection.execute(END_OTHERS)
            if connection.execute(SHAPE).fetchone() == self._shape:
                with connection.transaction():
                    self._restore_rows(connection)
                return
            for (schema,) in connection.execute(SCHEMAS).fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        self._make()

    def _make(self) -> None:
        migrate.upgrade(self._settings)
        name = self._settings.database_schema
        with psycopg.connect(self._settings.postgres, autocommit=True) as connection:
            self._shape = connection.execute(SHAPE).fetchone()
            tables = connection.execute(TABLES, [name]).fetchall()
            self._rows = {table: self._copied(connection, table) for (table,) in tables}
            self._sequences = connection.execute(SEQUENCES, [name]).fetchall()

    def _copied(self, connection: psycopg.Connection[Any], table: str) -> bytes:
        with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(self._of(table))) as rows:
            return b"".join(map(bytes, rows))

    def _restore_rows(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET LOCAL session_replication_role = replica")  # no triggers
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

    def _of(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._settings.database_schema, name)
