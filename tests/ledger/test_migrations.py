"""The migrations make exactly what the models say, and can be taken back."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from manager import ConfigurationError, Settings
from manager.ledger import migrate
from manager.ledger.models import LedgerModel
from manager.ledger.triggers import CREATE
from tests.revision import check_revision

pytestmark = pytest.mark.integration

# Everything that the catalogue knows of a schema, without the schema's own name.
CATALOGUE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity::text, co.collname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation co ON co.oid = a.attcollation
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
UNION ALL
SELECT 'constraint', c.relname, k.conname, pg_get_constraintdef(k.oid), '', '', '', ''
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = %(schema)s::regnamespace
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '', '', '', ''
FROM pg_indexes WHERE schemaname = %(schema)s::text
UNION ALL
SELECT 'trigger', c.relname, t.tgname, pg_get_triggerdef(t.oid), '', '', '', ''
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'function', proname, '', prosrc, '', '', '', ''
FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
UNION ALL
SELECT 'option', relname, '', reloptions::text, '', '', '', ''
FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND reloptions IS NOT NULL
"""


def catalogue(settings: Settings, schema: str) -> set[tuple[str, ...]]:
    with psycopg.connect(settings.postgres) as connection:
        found = connection.execute(CATALOGUE, {"schema": schema}).fetchall()
    # the schema's own name occurs in definitions
    rows = {tuple(str(value).replace(f"{schema}.", "") for value in row) for row in found}
    return {row for row in rows if row[1] not in ("enrichd_version", "alembic_version")}


def test_models_and_migrations_agree(settings: Settings) -> None:
    schema = f"{settings.database_schema}_models"
    with migrate.engine(settings, "test").begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        connection.execute(text(f"SET LOCAL search_path TO {schema}"))
        LedgerModel.metadata.create_all(connection, checkfirst=False)
    migrated = catalogue(settings, settings.database_schema)
    assert len(CREATE) == sum(row[0] in ("trigger", "function") for row in migrated)
    assert {row[0] for row in migrated} == {
        "column", "constraint", "index", "trigger", "function", "option",
    }  # fmt: skip
    assert catalogue(settings, schema) == migrated


def test_downgrade_removes_everything_and_upgrade_brings_it_back(settings: Settings) -> None:
    before = catalogue(settings, settings.database_schema)
    migrate.downgrade(settings, "base")
    assert catalogue(settings, settings.database_schema) == set()
    with pytest.raises(ConfigurationError, match=r"is at revision none.*enrichd db upgrade"):
        check_revision(settings)
    migrate.upgrade(settings)
    assert catalogue(settings, settings.database_schema) == before
    check_revision(settings)


def test_upgrade_is_repeatable_and_follows_the_cap(settings: Settings) -> None:
    for cap in (5, 7, 3, 5):
        migrate.upgrade(settings.model_copy(update={"cap": cap}))
        with psycopg.connect(settings.postgres) as connection:
            slots = connection.execute(
                f"SELECT number FROM {settings.database_schema}.slot ORDER BY number"
            ).fetchall()
        assert [number for (number,) in slots] == list(range(1, cap + 1))
