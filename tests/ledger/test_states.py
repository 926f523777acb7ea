"""The schema lets a row make the moves of the state machines and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import psycopg
import pytest

from manager import Manager, Settings
from manager.ledger.connect import connect
from manager.ledger.states import ENRICHMENT_MOVES, JOB_MOVES

pytestmark = pytest.mark.integration

MACHINES: dict[str, Mapping[Any, frozenset[StrEnum]]] = {
    "enrichment": ENRICHMENT_MOVES,
    "job": JOB_MOVES,
}
A_JOB = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
SELECT gen_random_uuid(), account_id, id, 'packed', 'a test', 1 FROM lane
"""
# What a state asks of other columns is not looked at here.
CHECKS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype = 'c'
"""


@pytest.fixture
def ledger(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A ledger with one enrichment and one job."""
    Manager(settings).enqueue("domains", ["stripe.com"])
    with connect(settings, "test") as connection:
        connection.execute(A_JOB)
        for (statement,) in connection.execute(CHECKS, {}).fetchall():
            connection.execute(statement)
        yield connection


@pytest.mark.parametrize("table", MACHINES)
def test_every_pair_of_states_is_a_move_or_refused(
    ledger: psycopg.Connection[Any], table: str
) -> None:
    moves = MACHINES[table]
    for source in moves:
        ledger.execute("SET session_replication_role = replica")  # no triggers
        ledger.execute(f"UPDATE {table} SET state = %s".encode(), [source])
        ledger.execute("SET session_replication_role = origin")
        found = {target for target in moves if moved(ledger, table, target)}
        assert found == moves[source] | {source}, source


def moved(ledger: psycopg.Connection[Any], table: str, target: str) -> bool:
    """Whether the row may go there; it does not stay there."""
    try:
        with ledger.transaction(force_rollback=True):
            ledger.execute(f"UPDATE {table} SET state = %s".encode(), [target])
    except psycopg.errors.CheckViolation as refused:
        return refused.diag.constraint_name != f"{table}_move"
    return True
