"""Ledgers to measure on: an empty one for each run, filled without the steps that are measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, sql

from manager import Settings
from manager.ledger import migrate
from manager.ledger.connect import Ledger
from manager.run.embedded import EmbeddedServers

# Those of the first of `make_lanes`.
FIELDS = ("field_1",)

_numbers = itertools.count(1)

# Through every move that the ledger allows, only without asking its triggers a million times.
_SETTLE = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, ended_at)
    SELECT gen_random_uuid(), account_id, id, 'merged', 'benchmark', 1, 'settled-' || id, now()
    FROM lane;
ALTER TABLE enrichment DISABLE TRIGGER USER;
UPDATE enrichment SET state = 'fulfilled', settled_at = now() WHERE state = 'pending';
ALTER TABLE enrichment ENABLE TRIGGER USER;
INSERT INTO result (enrichment_id, cycle, outcome, internal_id, record, job_id)
    SELECT enrichment.id, cycle, 'fulfilled', enrichment.id, '{"basic_info": {}}', job.id
    FROM enrichment JOIN job USING (lane_id) WHERE enrichment.state = 'fulfilled';
"""


@contextmanager
def new_ledger(servers: EmbeddedServers, **overrides: Any) -> Iterator[Settings]:
    """Settings of an empty ledger, dropped at the end."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "database_url": servers.database_url,
        "redis_url": servers.redis_url,
        "database_schema": f"bench_{number}",
        "account": f"bench-{number}",
        "vendor_url": "http://127.0.0.1:1",
        "vendor_api_key": "benchmark",
        "spool_dir": servers.spool_dir,
        "linger": 0,
    }
    settings = Settings(**given | overrides)
    migrate.upgrade(settings)
    try:
        yield settings
    finally:
        with connected(settings) as connection:
            schema = sql.Identifier(settings.database_schema)
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))


@contextmanager
def connected(settings: Settings) -> Iterator[Connection[Any]]:
    """A connection to the ledger."""
    with Ledger(settings, "benchmark").connect() as connection:
        yield connection


def domains(count: int, start: int = 0) -> Iterator[str]:
    """As many domains from that number on, in no order that an index would like."""
    step = 7_919  # a prime that divides no power of ten
    return (f"company-{start + number * step % count:07d}.example" for number in range(count))


def make_lanes(connection: Connection[Any], count: int) -> list[int]:
    """New lanes of the only account."""
    made = connection.execute(
        "INSERT INTO lane (account_id, endpoint, identifier_type, fields)"
        " SELECT account.id, 'company/enrich', 'domains', ARRAY['field_' || number]"
        " FROM account, generate_series(1, %s) number RETURNING id",
        (count,),
    )
    return [lane_id for (lane_id,) in made]


def fill(connection: Connection[Any], lane_id: int, count: int, table: str = "enrichment") -> None:
    """Pending enrichments, as an enqueue leaves them."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {} (lane_id, key, identifier, state, due_at, rank)"
            " SELECT %s, domain, domain, 'pending', clock_timestamp(), clock_timestamp()"
            " FROM generate_series(1, %s) number,"
            " format('company-%%s.example', lpad(number::text, 7, '0')) AS domain"
        ).format(sql.Identifier(table)),
        (lane_id, count),
    )


def settle_all(connection: Connection[Any]) -> None:
    """Everything that is pending is fulfilled, and the planner knows it."""
    connection.execute(_SETTLE)
    connection.execute("VACUUM ANALYZE enrichment, result, request_item, job")
