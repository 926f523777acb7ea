"""Storage parameters: hot tables are vacuumed long before a fifth of them is dead."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from manager import Settings
from manager.ledger import migrate
from tests.revision import check_revision

pytestmark = pytest.mark.integration

OPTIONS = """
SELECT relname, o.option_name, o.option_value::float
FROM pg_class, LATERAL pg_options_to_table(reloptions) o
WHERE relnamespace = %s::regnamespace AND relkind = 'r'
"""
HOT = {"account", "account_counter", "budget", "day_counter", "enrichment", "job", "request",
       "request_item", "result", "vendor_job", "waiting_counter"}  # fmt: skip
UPDATED = {
    "account", "budget", "enrichment", "job", "notice", "request", "target", "vendor_job",
}  # fmt: skip


def options(settings: Settings) -> dict[tuple[str, str], float]:
    with psycopg.connect(settings.postgres) as connection:
        found = connection.execute(OPTIONS, [settings.database_schema]).fetchall()
    return {(table, name): value for table, name, value in found}


def test_each_hot_table_is_vacuumed_early(settings: Settings) -> None:
    found = options(settings)
    scales = {table: found[table, "autovacuum_vacuum_scale_factor"] for table in HOT}
    assert all(scale <= 0.05 for scale in scales.values()), scales
    assert scales["enrichment"] == 0.02
    assert found["enrichment", "autovacuum_vacuum_cost_limit"] == 1000


def test_pages_of_what_is_updated_have_room(settings: Settings) -> None:
    found = options(settings)
    assert {table for table, name in found if name == "fillfactor"} == UPDATED
    assert all(20 <= found[table, "fillfactor"] <= 85 for table in UPDATED)


def test_an_update_of_a_requests_counters_stays_on_its_page(settings: Settings) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        connection.execute(
            "INSERT INTO lane (account_id, endpoint, identifier_type, fields)"
            " SELECT id, 'x', 'x', '{}' FROM account"
        )
        connection.execute(
            "INSERT INTO request (id, lane_id, content_hash, max_age, total)"
            " SELECT gen_random_uuid(), id, '', '1 day', 9 FROM lane, generate_series(1, 200)"
        )
        before = updates(connection)
        connection.execute(
            "UPDATE request SET fulfilled = 1 WHERE id IN (SELECT id FROM ("
            " SELECT id, row_number() OVER () AS n FROM request) r WHERE n <= 150 AND n % 15 = 0)"
        )
        after = updates(connection)
    assert after[0] - before[0] == 10
    assert after[1] - before[1] == 10


def updates(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """How many of requests there were, and how many of these touched no index."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'request'::regclass"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_they_are_taken_back(settings: Settings) -> None:
    migrate.downgrade(settings, "0002")
    assert options(settings) == {("enrichment", "fillfactor"): 80}


FORGOTTEN = """
INSERT INTO lane (account_id, endpoint, identifier_type, fields)
    SELECT id, 'company/enrich', 'domains', '{}' FROM account;
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, ended_at)
    SELECT gen_random_uuid(), account_id, id, 'merged', 'x', 2, 'b', now() FROM lane;
INSERT INTO enrichment (lane_id, key, identifier, state, settled_at)
    SELECT id, ' ' || n, 'x', 'fulfilled', now() FROM lane, generate_series(1, 2) n;
INSERT INTO result (enrichment_id, cycle, outcome, reason, forgotten_at, job_id)
    SELECT e.id, e.id, CASE WHEN e.key = ' 1' THEN 'fulfilled' ELSE 'failed' END, 'forgotten',
           now(), j.id FROM enrichment e, job j;
"""


def test_what_was_forgotten_stays_so_when_the_migration_is_taken_back(settings: Settings) -> None:
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        connection.execute(FORGOTTEN.encode())
    migrate.downgrade(settings, "0002")
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        left = connection.execute(
            "SELECT outcome, record, reason FROM result ORDER BY 1"
        ).fetchall()
    assert left == [("failed", None, "forgotten"), ("fulfilled", {}, None)]
    migrate.upgrade(settings)
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        counted = connection.execute("SELECT name, amount FROM account_counter").fetchall()
    assert counted == [("jobs merged", 1)]


def test_an_index_that_was_made_beforehand_is_taken(settings: Settings) -> None:
    migrate.downgrade(settings, "0002")
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {settings.database_schema}")
        connection.execute("CREATE INDEX CONCURRENTLY request_by_lane ON request (lane_id, id)")
    migrate.upgrade(settings)
    check_revision(settings)
