"""Postgres: rights, defaults, migrations and state, as they are found on a session of nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from manager import Settings
from manager.operator.doctor import Finding
from tests.operator.doctor.looking import hanging_port, look, only, troubles
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration


def run(settings: Settings, *statements: str) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        for statement in statements:
            connection.execute(statement.encode())


def as_role(settings: Settings, role: str) -> Settings:
    given = conninfo_to_dict(settings.postgres)
    url = f"postgresql://{role}:pw@{given['host']}:{given['port']}/{given['dbname']}"
    return settings.model_copy(update={"database_url": SecretStr(url)})


@contextmanager
def role(settings: Settings, name: str, *grants: str) -> Iterator[Settings]:
    """Settings of a new role that has these rights, until the end of the block."""
    run(settings, f"CREATE ROLE {name} LOGIN PASSWORD 'pw'", *grants)
    try:
        yield as_role(settings, name)
    finally:
        with psycopg.connect(settings.postgres, autocommit=True) as connection:
            connection.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def looked(settings: Settings) -> list[Finding]:
    return look(settings, "postgres")


def test_a_ledger_as_it_should_be_is_no_trouble(settings: Settings) -> None:
    found = looked(settings)
    # the tests' own servers may lose what they have
    assert troubles(found) == [("warning", "durability")]
    assert [it.subject for it in found] == [
        "reached",
        "version",
        "durability",
        "clock",
        "TLS",
        "pooler",
        "defaults",
        "rights",
        "migrations",
        "size",
        "dead rows",
        "connections",
    ]
    assert "a round trip takes" in only(found, "reached").means
    assert "is at revision" in only(found, "migrations").means


@pytest.mark.parametrize(
    "url", ["postgresql://postgres:wr0ng@127.0.0.1:{port}/none", "postgresql://nowhere.invalid/x"]
)
def test_a_server_that_is_not_there_is_one_problem(settings: Settings, url: str) -> None:
    changes = {"database_url": SecretStr(url.format(port=closed_port()))}
    found = looked(settings.model_copy(update=changes))
    assert troubles(found) == [("problem", "reached")]
    assert "wr0ng" not in repr(found)


def test_a_server_that_hangs_is_given_up_by_itself(settings: Settings) -> None:
    with hanging_port() as port:
        url = SecretStr(f"postgresql://127.0.0.1:{port}/x?connect_timeout=2")
        found = looked(settings.model_copy(update={"database_url": url}))
    assert troubles(found) == [("problem", "reached")]


def test_a_wrong_password_is_a_problem_that_does_not_show_it(settings: Settings) -> None:
    found = looked(as_role(settings, "nobody_known"))
    assert troubles(found) == [("problem", "reached")]
    assert "password authentication failed" in only(found, "reached").means


def test_no_url_is_one_problem(settings: Settings) -> None:
    found = looked(settings.model_copy(update={"database_url": None}))
    assert troubles(found) == [("problem", "database_url")]


def test_defaults_that_each_session_of_ours_overrides_are_named(settings: Settings) -> None:
    defaults = {
        "DateStyle": "'SQL, DMY'",
        "default_transaction_isolation": "'repeatable read'",
        "synchronous_commit": "off",
        "statement_timeout": "'3s'",
        "default_transaction_read_only": "on",
        "TimeZone": "'Europe/Rome'",
    }
    with role(settings, "odd") as theirs:
        run(settings, *(f"ALTER ROLE odd SET {name} = {it}" for name, it in defaults.items()))
        means = only(looked(theirs), "defaults").means
    for name in defaults:
        assert name in means
    assert means.endswith("each session of ours sets its own")


def test_a_time_limit_in_the_url_stays_which_is_a_warning(settings: Settings) -> None:
    url = SecretStr(settings.postgres + "?options=-c%20statement_timeout%3D3s")
    found = looked(settings.model_copy(update={"database_url": url}))
    assert "statement_timeout=3s in database_url stays" in only(found, "options").means


def test_missing_rights_are_told_with_the_grant(settings: Settings) -> None:
    with role(settings, "guest") as theirs:
        problem = only(looked(theirs), "rights")
    schema = settings.database_schema
    assert problem.level == "problem"
    assert f"GRANT USAGE ON SCHEMA {schema} TO guest" in problem.advice
    assert "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES" in problem.advice


def test_a_role_that_may_read_and_write_but_not_migrate_is_a_warning(settings: Settings) -> None:
    schema = settings.database_schema
    grants = (
        f"GRANT USAGE ON SCHEMA {schema} TO clerk",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO clerk",
    )
    with role(settings, "clerk", *grants) as theirs:
        assert only(looked(theirs), "rights").level == "warning"


def test_an_older_schema_is_a_problem_and_all_else_is_looked_at(settings: Settings) -> None:
    run(settings, "UPDATE enrichd_version SET version_num = '0001'")
    found = looked(settings)
    assert "at revision 0001, this program needs" in only(found, "migrations").means
    assert only(found, "migrations").level == "problem"
    assert "size" in {it.subject for it in found}


def test_a_newer_schema_is_fine(settings: Settings) -> None:
    run(settings, "UPDATE enrichd_version SET version_num = '9999'")
    assert only(looked(settings), "migrations").level == "ok"


def test_no_schema_yet_is_a_problem_with_the_way_out(settings: Settings) -> None:
    found = looked(settings.model_copy(update={"database_schema": "nowhere"}))
    assert "there is no ledger in schema nowhere yet" in only(found, "migrations").means
    assert only(found, "rights").level == "ok"


def test_the_tables_of_another_program_are_told_from_ours(settings: Settings) -> None:
    run(
        settings,
        "CREATE SCHEMA theirs",
        "CREATE TABLE theirs.alembic_version (version_num text)",
        "INSERT INTO theirs.alembic_version VALUES ('0002')",
        "CREATE TABLE theirs.orders ()",
    )
    theirs = settings.model_copy(update={"database_schema": "theirs"})
    problem = only(looked(theirs), "migrations")
    assert problem.means == "there is no ledger in schema theirs yet, beside 2 tables of others"
    run(settings, "CREATE TABLE theirs.job ()")
    problem = only(looked(theirs), "migrations")
    assert problem.means.endswith("which have names of the ledger's: job")


def test_dead_rows_and_a_long_transaction_are_warnings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manager.operator.doctor.postgres_state.DEAD_LEAST", 10)
    monkeypatch.setattr("manager.operator.doctor.postgres_state.LONG", 0)
    run(
        settings,
        "ALTER TABLE stray SET (autovacuum_enabled = false)",
        "CREATE TABLE dying (n int) WITH (autovacuum_enabled = false)",
        "INSERT INTO dying SELECT generate_series(1, 1000)",
        "DELETE FROM dying",
        "SELECT pg_stat_force_next_flush()",
    )
    with psycopg.connect(settings.postgres) as connection:
        connection.execute("SELECT 1")
        found = looked(settings)
    assert "table dying has 1,000 dead rows beside 0" in only(found, "dead rows").means
    assert "one is open for" in only(found, "transactions").means
