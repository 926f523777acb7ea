"""A test finds the ledger as the migrations made it, whatever was done to it before."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from manager import Manager, Settings, UnavailableError
from manager.ledger import migrate
from manager.testing import clean_ledger
from manager.testing.clean_ledger import CleanLedger
from tests.revision import check_revision

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(settings: Settings) -> CleanLedger:
    return CleanLedger(settings)


def run(settings: Settings, statement: str) -> list[Any]:
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_rows_are_taken_back_and_numbers_begin_again(
    settings: Settings, ledger: CleanLedger
) -> None:
    before = run(settings, "SELECT slot, account FROM slot JOIN account ON account_id = id")
    assert len(before) == settings.cap
    for _ in range(2):
        Manager(settings).enqueue("domains", ["a.com", "b.com"])
        run(settings, "DELETE FROM slot")
        assert run(settings, "SELECT id FROM enrichment ORDER BY id") == [(1,), (2,)]
        ledger.renew()
        assert run(settings, "SELECT id FROM enrichment") == []
        assert before == run(
            settings, "SELECT slot, account FROM slot JOIN account ON account_id = id"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER job_move ON job",
        "ALTER TABLE job DISABLE TRIGGER job_move",
        "ALTER TABLE job DROP CONSTRAINT job_state",
        "ALTER TABLE enrichment SET (autovacuum_enabled = off)",
        "ALTER TABLE job ALTER COLUMN why DROP NOT NULL",
        "DROP INDEX job_due",
        "CREATE TABLE more (id integer)",
        "CREATE OR REPLACE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
    ],
)
def test_a_changed_schema_is_made_anew(
    settings: Settings, ledger: CleanLedger, statement: str
) -> None:
    shape = ledger._shape
    run(settings, statement)
    ledger.renew()
    assert ledger._shape != shape, "made anew, it has other numbers"


def test_rows_alone_leave_the_schema_as_it_is(settings: Settings, ledger: CleanLedger) -> None:
    shape = ledger._shape
    Manager(settings).enqueue("domains", ["a.com"])
    run(settings, "CREATE TEMPORARY TABLE mine (id integer)")
    run(settings, "ANALYZE")
    for _ in range(2):
        ledger.renew()
        assert ledger._shape == shape


def test_a_schema_that_was_taken_away_is_there_again(
    settings: Settings, ledger: CleanLedger
) -> None:
    migrate.downgrade(settings, "base")
    ledger.renew()
    check_revision(settings)


def test_nothing_beside_it_is_touched(settings: Settings, ledger: CleanLedger) -> None:
    shape = ledger._shape
    with psycopg.connect(settings.postgres, autocommit=True) as theirs:
        theirs.execute("CREATE SCHEMA theirs CREATE TABLE more (id integer)")
        theirs.execute("INSERT INTO theirs.more VALUES (1)")
        ledger.renew()
        run(settings, "DROP TABLE job CASCADE")
        ledger.renew()
        assert ledger._shape != shape
        assert theirs.execute("SELECT id FROM theirs.more").fetchall() == [(1,)]


def test_a_role_that_owns_the_schema_is_enough(settings: Settings) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS team")
        admin.execute("CREATE ROLE team LOGIN PASSWORD 'team'")
        admin.execute("CREATE SCHEMA of_the_team AUTHORIZATION team")
        url = urlsplit(settings.postgres)
        of_the_team = url._replace(netloc=f"team:team@{url.hostname}:{url.port}").geturl()
        changes = {"database_url": SecretStr(of_the_team), "database_schema": "of_the_team"}
        theirs = settings.model_copy(update=changes)
        try:
            ledger = CleanLedger(theirs)
            Manager(theirs).enqueue("domains", ["a.com"])
            ledger.renew()
            assert run(theirs, "SELECT id FROM enrichment") == []
            assert len(run(theirs, "SELECT number FROM slot")) == theirs.cap
        finally:
            admin.execute("DROP OWNED BY team CASCADE")
            admin.execute("DROP ROLE team")


def test_who_still_holds_it_is_named(
    settings: Settings, ledger: CleanLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_ledger, "LOCKED_WITHIN", 0.1)
    with psycopg.connect(settings.postgres, application_name="forgetful") as left:
        left.execute(f"LOCK TABLE {settings.database_schema}.job IN ACCESS SHARE MODE")
        with pytest.raises(UnavailableError, match=r"forgetful, idle in transaction\): LOCK TABLE"):
            ledger.renew()
    ledger.renew()
