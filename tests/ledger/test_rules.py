"""The checker of migrations finds each breach of the rules, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from manager.run.embedded import EmbeddedServers
from tests.ledger import rules

pytestmark = pytest.mark.integration

BEFORE = """
CREATE TABLE owner (id integer PRIMARY KEY);
CREATE TABLE thing (
    id integer PRIMARY KEY, state text DEFAULT 'a' NOT NULL, name text, size integer,
    CONSTRAINT thing_name UNIQUE (name),
    CONSTRAINT thing_state CHECK (state IN ('a', 'b'))
);
CREATE INDEX thing_by_size ON thing (size);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
CREATE TRIGGER thing_move BEFORE UPDATE ON thing FOR EACH ROW
WHEN ((OLD.state, NEW.state) NOT IN (('a', 'b'), ('a', 'c'))) EXECUTE FUNCTION refuse();
INSERT INTO thing VALUES (1);
"""
DROP_STATE = "ALTER TABLE thing DROP CONSTRAINT thing_state;"
DROP_NAME = "ALTER TABLE thing DROP CONSTRAINT thing_name;"
MOVE = """
DROP TRIGGER thing_move ON thing;
CREATE TRIGGER thing_move BEFORE UPDATE ON thing FOR EACH ROW
WHEN ((OLD.state, NEW.state) NOT IN ({})) EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def connection(servers: EmbeddedServers) -> Iterator[psycopg.Connection[Any]]:
    """A schema as a release has left it, and gone afterwards."""
    with psycopg.connect(servers.database_url) as made:
        made.execute("CREATE SCHEMA ruled")
        made.execute("SET search_path TO ruled")
        made.execute(BEFORE)
        yield made
        made.rollback()


def found(connection: psycopg.Connection[Any], migration: str) -> list[str]:
    before = rules.read(connection, "ruled")
    connection.execute(migration.encode())
    return rules.breaches(before, rules.read(connection, "ruled"))


@pytest.mark.parametrize(
    "migration",
    [
        "CREATE TABLE other (id integer PRIMARY KEY, state text NOT NULL UNIQUE)",
        "ALTER TABLE thing ADD COLUMN colour text",
        "ALTER TABLE thing ADD COLUMN colour text DEFAULT 'x' NOT NULL",
        "ALTER TABLE thing ADD COLUMN owner_id integer, "
        "ADD CONSTRAINT thing_owner FOREIGN KEY (owner_id) REFERENCES owner, "
        "ADD CONSTRAINT thing_owner_name UNIQUE (owner_id, name)",
        "CREATE INDEX thing_by_state ON thing (state)",
        DROP_STATE,
        DROP_STATE
        + "ALTER TABLE thing ADD CONSTRAINT thing_state CHECK (state IN ('a', 'b', 'c'))",
        DROP_NAME + "ALTER TABLE thing ADD CONSTRAINT thing_name UNIQUE (size, name)",
        MOVE.format("('a', 'b'), ('a', 'c'), ('b', 'c')"),
    ],
)
def test_what_adds_or_loosens_is_let_through(
    connection: psycopg.Connection[Any], migration: str
) -> None:
    assert found(connection, migration) == []


@pytest.mark.parametrize(
    ("migration", "breach"),
    [
        ("DROP TABLE owner", "table owner is gone"),
        ("ALTER TABLE thing RENAME TO thin", "table thing is gone"),
        ("ALTER TABLE thing DROP COLUMN size", "column thing.size is gone"),
        ("ALTER TABLE thing RENAME size TO length", "column thing.size is gone"),
        ("ALTER TABLE thing ALTER COLUMN size TYPE bigint", "column thing.size is another"),
        ("ALTER TABLE thing ALTER COLUMN size TYPE bigint", "table thing is rewritten"),
        ("ALTER TABLE thing ALTER COLUMN state DROP DEFAULT", "column thing.state is another"),
        ("TRUNCATE thing; ALTER TABLE thing ALTER size SET NOT NULL",
         "column thing.size is another"),
        ("ALTER TABLE thing ADD COLUMN at timestamptz DEFAULT clock_timestamp()",
         "table thing is rewritten"),
        ("TRUNCATE thing; ALTER TABLE thing ADD COLUMN colour text NOT NULL",
         "column thing.colour is required, and has no default"),
        (DROP_NAME, "constraint thing_name is gone"),
        (DROP_NAME + "ALTER TABLE thing ADD CONSTRAINT thing_name UNIQUE (size)",
         "constraint thing_name does not accept all that it did"),
        (DROP_STATE + "ALTER TABLE thing ADD CONSTRAINT thing_state CHECK (state IN ('a', 'c'))",
         "constraint thing_state does not accept all that it did"),
        (DROP_STATE + "ALTER TABLE thing ADD CONSTRAINT thing_state CHECK (name IN ('a', 'b'))",
         "constraint thing_state does not accept all that it did"),
        ("ALTER TABLE thing ADD CONSTRAINT thing_size CHECK (size > 0)",
         "constraint thing_size is on what the release before writes"),
        ("CREATE UNIQUE INDEX thing_one_size ON thing (size)",
         "index thing_one_size is on what the release before writes"),
        ("DROP INDEX thing_by_size", "index thing_by_size is gone"),
        ("DROP TRIGGER thing_move ON thing", "trigger thing_move is gone"),
        (MOVE.format("('a', 'b'), ('b', 'c')"), "trigger thing_move is another"),
        (MOVE.format("('a', 'b'), ('a', 'c')").replace("BEFORE UPDATE", "BEFORE INSERT OR UPDATE")
         .replace("(OLD.state, NEW.state) NOT IN (('a', 'b'), ('a', 'c'))", "NEW.state = 'x'"),
         "trigger thing_move is another"),
        ("DROP TRIGGER thing_move ON thing; DROP FUNCTION refuse", "function refuse is gone"),
        ("CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
         "AS 'BEGIN RETURN NEW; END'", "function refuse is another"),
    ],
)  # fmt: skip
def test_what_takes_something_away_is_found(
    connection: psycopg.Connection[Any], migration: str, breach: str
) -> None:
    assert breach in found(connection, migration)
