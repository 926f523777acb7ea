"""Upgrades beside running workers: rules for migrations, an older program on a newer schema."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from manager import ConfigurationError, Manager, Settings, UnavailableError
from manager.ledger import migrate
from manager.steps.context import Context
from manager.steps.pack import pack

MIGRATIONS = sorted(Path(migrate.__file__).parents[2].glob("alembic/versions/*.py"))
# What takes something away from the release before, or rewrites a table under its lock.
FORBIDDEN = re.compile(
    r"DROP (TABLE|COLUMN|CONSTRAINT|FUNCTION)|RENAME|ALTER COLUMN \w+ (TYPE|SET NOT NULL)"
    r"|ADD COLUMN (?:(?!DEFAULT)[^,;])*NOT NULL(?!.*DEFAULT)",
    re.IGNORECASE,
)


def upgrades(path: Path) -> str:
    """What the migration's upgrade executes."""
    return path.read_text().partition("DOWNGRADE")[0]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    found = FORBIDDEN.search(upgrades(path))
    assert found is None, f"{path.name}: {found and found[0]}"


def test_the_rule_finds_what_it_should() -> None:
    for statement in (
        "ALTER TABLE job DROP COLUMN looks",
        "ALTER TABLE job RENAME looks TO l",
        "ALTER TABLE job ALTER COLUMN looks TYPE bigint",
        "ALTER TABLE job ADD COLUMN colour TEXT NOT NULL",
    ):
        assert FORBIDDEN.search(statement), statement
    assert not FORBIDDEN.search("ALTER TABLE job ADD COLUMN colour TEXT DEFAULT 'x' NOT NULL")


@pytest.fixture
def newer(settings: Settings) -> Settings:
    """A schema that a newer release has upgraded, by the rules above."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        connection.execute("ALTER TABLE job ADD COLUMN colour TEXT DEFAULT 'none' NOT NULL")
        connection.execute("CREATE TABLE budget (id integer)")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    return settings


@pytest.mark.integration
def test_an_older_program_works_on_a_newer_schema_and_leaves_it_alone(newer: Settings) -> None:
    migrate.check(newer)
    migrate.upgrade(newer)
    assert migrate.current(newer) == "9999"
    Manager(newer).enqueue("domains", ["a.com"])
    assert len(pack(Context(newer, "test"))) == 1


@pytest.mark.integration
def test_a_newer_program_refuses_an_older_schema(settings: Settings) -> None:
    migrate.downgrade(settings, "base")
    with pytest.raises(ConfigurationError, match="Run `enrichd db upgrade`"):
        migrate.check(settings)


@pytest.mark.integration
def test_a_migration_that_cannot_have_its_lock_gives_up_and_changes_nothing(
    settings: Settings,
) -> None:
    with psycopg.connect(settings.postgres) as holder:
        holder.execute(f"LOCK TABLE {settings.database_schema}.job IN ACCESS SHARE MODE")
        with pytest.raises(UnavailableError, match=r"has changed nothing.*lock timeout"):
            migrate.downgrade(settings, "base")
    assert migrate.current(settings) == migrate.newest()
