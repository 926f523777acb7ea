"""Upgrades beside running workers: rules for migrations, an older program on a newer schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from manager import (
    ConfigurationError,
    InvalidRequestError,
    Manager,
    Settings,
    UnavailableError,
    WaitTimeoutError,
)
from manager.ledger import migrate, revision
from manager.ledger.connect import Ledger
from manager.settings.accounts import AccountTable
from manager.steps.context import Context
from manager.steps.pack import pack
from tests.ledger import rules
from tests.revision import check_revision
from tests.steps.patience import until

pytestmark = pytest.mark.integration

VERSIONS = sorted(Path(migrate.__file__).parents[2].glob("alembic/versions/*.py"))
WAITING = "SELECT FROM pg_locks WHERE relation = 'job'::regclass AND NOT granted"
REVISIONS = [path.stem.partition("_")[0] for path in VERSIONS]


@pytest.mark.parametrize(("before", "revision"), list(pairwise(REVISIONS)))
def test_a_migration_adds_or_loosens(settings: Settings, before: str, revision: str) -> None:
    def schema() -> rules.Schema:
        with psycopg.connect(settings.postgres) as connection:
            return rules.read(connection, settings.database_schema)

    migrate.downgrade(settings, before)
    old = schema()
    assert all(old), "there is something of everything"
    migrate.upgrade(settings, revision)
    assert rules.breaches(old, schema()) == []


@pytest.fixture
def newer(settings: Settings) -> Settings:
    """A schema that a newer release has upgraded, by the rules above."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        connection.execute("ALTER TABLE job ADD COLUMN colour TEXT DEFAULT 'none' NOT NULL")
        connection.execute("CREATE TABLE palette (id integer)")
        connection.execute("UPDATE enrichd_version SET version_num = '9999'")
    return settings


def test_an_older_program_works_on_a_newer_schema_and_leaves_it_alone(newer: Settings) -> None:
    check_revision(newer)
    migrate.upgrade(newer)
    assert migrate.current(newer) == "9999"
    Manager(newer).enqueue("domains", ["a.com"])
    context = Context(newer, "test")
    assert len(pack(context, context.accounts()[0])) == 2  # submit it, and pack again


def test_a_newer_program_refuses_an_older_schema(settings: Settings) -> None:
    migrate.downgrade(settings, "base")
    with pytest.raises(ConfigurationError, match="Run `enrichd db upgrade`"):
        check_revision(settings)


def test_a_migration_that_cannot_have_its_locks_gives_up_and_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCKED_WITHIN", 0.5)
    with psycopg.connect(settings.postgres) as holder:
        holder.execute(f"LOCK TABLE {settings.database_schema}.job IN ACCESS SHARE MODE")
        with pytest.raises(UnavailableError, match=r"has changed nothing.*lock timeout"):
            migrate.downgrade(settings, "base")
    assert migrate.current(settings) == revision.newest()


def test_a_migration_that_waits_keeps_nobody_else_waiting(settings: Settings) -> None:
    migrate.downgrade(settings, "0001")
    upgrading = threading.Thread(target=migrate.upgrade, args=(settings,))
    options = f"-c search_path={settings.database_schema} -c lock_timeout=2s"
    with (
        psycopg.connect(settings.postgres, options=options) as holder,
        psycopg.connect(settings.postgres, options=options, autocommit=True) as other,
    ):
        holder.execute("SELECT FROM job")
        upgrading.start()
        until(lambda: other.execute(WAITING).rowcount > 0)
        for _ in range(3):  # the holder goes on, and so do others, whatever table they want
            for table in ("account", "enrichment", "request"):
                for connection in (other, holder):
                    connection.execute(f"DELETE FROM {table} WHERE false".encode())
        holder.commit()
        upgrading.join(timeout=30)
    assert migrate.current(settings) == revision.newest()


def test_upgrades_at_once_are_one(settings: Settings) -> None:
    migrate.downgrade(settings, "base")
    failures: list[BaseException] = []

    def upgrade() -> None:
        try:
            migrate.upgrade(settings)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert migrate.current(settings) == revision.newest()


def test_each_served_account_has_its_slots(settings: Settings) -> None:
    tables = {"north": AccountTable(cap=2), "south": AccountTable()}
    served = settings.model_copy(update={"accounts": tables})
    migrate.upgrade(served)
    with psycopg.connect(settings.postgres) as connection:
        slots = connection.execute(
            f"SELECT name, count(number)::int FROM {settings.database_schema}.account a "
            f"LEFT JOIN {settings.database_schema}.slot s ON s.account_id = a.id GROUP BY name"
        ).fetchall()
    assert dict(slots) == {settings.account: 5, "north": 2, "south": 5}


@pytest.fixture
def owner(settings: Settings) -> Iterator[Settings]:
    """The settings of a role that owns nothing but an empty schema."""
    role = f"owner_of_{settings.database_schema}"
    info = psycopg.conninfo.conninfo_to_dict(settings.postgres)
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'".encode())
        connection.execute(f"CREATE SCHEMA {role} AUTHORIZATION {role}".encode())
        url = f"postgresql://{role}:secret@{info['host']}:{info['port']}/{info['dbname']}"
        yield settings.model_copy(update={"database_url": SecretStr(url), "database_schema": role})
        connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_a_role_that_owns_the_schema_is_enough(owner: Settings) -> None:
    migrate.upgrade(owner)
    check_revision(owner)
    assert Manager(owner).enqueue("domains", ["a.com"]).total == 1


def test_a_role_that_does_not_is_told_what_it_lacks(owner: Settings, settings: Settings) -> None:
    elsewhere = owner.model_copy(update={"database_schema": "nowhere"})
    with pytest.raises(ConfigurationError, match=r"run CREATE SCHEMA nowhere AUTHORIZATION owner_"):
        migrate.upgrade(elsewhere)
    there = owner.model_copy(update={"database_schema": settings.database_schema})
    migrate.downgrade(settings, "0001")
    with pytest.raises(ConfigurationError, match=r"run GRANT USAGE, CREATE ON SCHEMA test TO own"):
        migrate.upgrade(there)
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"GRANT USAGE, CREATE ON SCHEMA test TO {owner.database_schema}")
        with pytest.raises(ConfigurationError, match=r"Use the role that owns the ledger"):
            migrate.upgrade(there)


def test_what_the_release_before_could_not_work_with_is_not_taken_back(settings: Settings) -> None:
    Manager(settings).enqueue(
        "business_emails", ["a@b.com"], endpoint="person/enrich", fields=["basic_profile"]
    )
    with pytest.raises(InvalidRequestError, match=r"changed nothing: the ledger holds what"):
        migrate.downgrade(settings, "0001")
    assert migrate.current(settings) == revision.newest()


def test_a_role_that_may_only_work_on_the_ledger_needs_no_more_when_it_is_new_enough(
    owner: Settings, settings: Settings
) -> None:
    role = owner.database_schema
    worker = owner.model_copy(update={"database_schema": settings.database_schema})
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        for grant in (
            f"GRANT USAGE ON SCHEMA test TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA test TO {role}",
        ):
            with pytest.raises(ConfigurationError, match=grant):
                Manager(worker).enqueue("domains", ["a.com"])
            with pytest.raises(ConfigurationError, match=grant):
                Ledger(worker, "test").check_for_daemon()
            connection.execute(grant.encode())
    migrate.upgrade(worker)
    assert Manager(worker).enqueue("domains", ["a.com"]).total == 1
    Ledger(worker, "test").check_for_daemon()


def test_a_role_that_may_only_read_follows_a_request(owner: Settings, settings: Settings) -> None:
    request = Manager(settings).enqueue("domains", ["a.com"])
    role = owner.database_schema
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"GRANT USAGE ON SCHEMA test TO {role}".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA test TO {role}".encode())
    reading = Manager(owner.model_copy(update={"database_schema": "test"}))
    found = reading.request(request.id)
    assert found.progress().total == 1
    assert [it.identifier for it in found.results()] == ["a.com"]
    with pytest.raises(WaitTimeoutError):
        found.wait(timeout=0.1)
    with pytest.raises(ConfigurationError, match="GRANT SELECT, INSERT, UPDATE, DELETE ON ALL"):
        found.cancel()


@pytest.fixture
def others(settings: Settings) -> Settings:
    """A schema with another program's version table."""
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shared")
        connection.execute("CREATE TABLE shared.alembic_version (version_num varchar(32))")
        connection.execute("INSERT INTO shared.alembic_version VALUES ('0001')")
    return settings.model_copy(update={"database_schema": "shared"})


def test_another_programs_version_table_is_left_alone(others: Settings) -> None:
    assert migrate.current(others) is None
    for _ in range(2):
        migrate.upgrade(others)
        assert migrate.current(others) == revision.newest()
        assert former_revision(others) == "0001"
    migrate.downgrade(others, "base")
    assert former_revision(others) == "0001"


def test_tables_of_another_program_are_not_taken_for_ours(others: Settings) -> None:
    with psycopg.connect(others.postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE shared.job (id integer)")
    with pytest.raises(ConfigurationError, match=r"another program.*: job\. Give the ledger a"):
        migrate.upgrade(others)


def test_the_version_table_of_the_releases_before_is_taken_over_and_kept_in_step(
    settings: Settings,
) -> None:
    migrate.downgrade(settings, "0001")  # as the first release has left it
    assert former_revision(settings) == "0001"
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE test.enrichd_version")
        connection.execute("COMMENT ON TABLE test.alembic_version IS NULL")
    assert migrate.current(settings) == "0001"
    migrate.upgrade(settings)
    assert migrate.current(settings) == former_revision(settings) == revision.newest()


def former_revision(settings: Settings) -> str | None:
    with psycopg.connect(settings.postgres) as connection:
        query = f"SELECT version_num FROM {settings.database_schema}.alembic_version"
        [revision] = connection.execute(query.encode()).fetchone() or [None]
        return revision
