"""Years of history: what is asked each second, and each batch of retention, reads little of it.

What was read of a table is what Postgres itself has counted, by sequential scans and through
indexes alike, foreign keys' own queries included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from manager.faultpoint import FaultPointError
from manager.ledger.connect import Ledger
from manager.operator.chosen import Kind, choose
from manager.operator.listing import page
from manager.operator.metrics import scrape
from manager.operator.now import now
from manager.operator.status import status
from manager.steps import retain as module
from manager.steps.retain import retain
from manager.web.app import make_app
from tests.steps.driver import Driver, armed
from tests.steps.years import pass_by

pytestmark = pytest.mark.integration

ROWS = 20_000
# Far less than there is: some rows a job that is live, a page of the newest, a learnt duration.
FEW = 1_000
FILL = """
INSERT INTO lane (account_id, endpoint, identifier_type, fields)
    SELECT id, 'company/enrich', 'domains', '{}' FROM account;
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, accepted_at,
                 completed_at, ended_at)
    SELECT gen_random_uuid(), account_id, id, 'merged', 'x', 1, 'batch-' || n,
           now() - n * interval '1 h' - interval '9 s', now() - n * interval '1 h',
           now() - n * interval '1 h'
    FROM lane, generate_series(1, %(rows)s) n;
INSERT INTO enrichment (lane_id, key, identifier, state, settled_at)
    SELECT id, 'key-' || n, 'key-' || n, 'fulfilled', now()
    FROM lane, generate_series(1, %(rows)s) n;
INSERT INTO request (id, lane_id, content_hash, max_age, total, fulfilled, finished_at)
    SELECT gen_random_uuid(), id, '', '1 day', 1, 1, now()
    FROM lane, generate_series(1, %(rows)s) n;
WITH r AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM request),
     e AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM enrichment)
INSERT INTO request_item (request_id, position, cycle, enrichment_id, value)
    SELECT r.id, 0, 1, e.id, 'x' FROM r JOIN e USING (n);
WITH j AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM job),
     e AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM enrichment)
INSERT INTO result (enrichment_id, cycle, outcome, record, job_id)
    SELECT e.id, 1, 'fulfilled', '{}', j.id FROM j JOIN e USING (n);
INSERT INTO stray (job_id, line, reason, envelope) SELECT id, 1, 'x', 'x' FROM job;
INSERT INTO vendor_job (account_id, batch_id, entity, action, endpoints, status, stage, whose,
                        job_id, first_seen_at, last_seen_at, created_at)
    SELECT account_id, batch_id, 'company', 'enrich', '{company/enrich}', 'completed', 'completed',
           'ours', id, ended_at, ended_at, ended_at FROM job;
INSERT INTO vendor_job (account_id, batch_id, entity, action, endpoints, status, stage, whose,
                        first_seen_at, last_seen_at, created_at)
    SELECT account_id, 'other-' || n, 'company', 'enrich', '{company/enrich}', 'completed',
           'completed', 'foreign', now() - n * interval '1 h', now() - n * interval '1 h', now()
    FROM lane, generate_series(1, %(rows)s) n;
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, slot, accepted_at)
    SELECT gen_random_uuid(), account_id, id, 'pending', 'x', 1, 'live-' || n, n, now()
    FROM lane, generate_series(1, 3) n;
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
    SELECT gen_random_uuid(), account_id, id, 'packed', 'x', 1 FROM lane;
INSERT INTO enrichment (lane_id, key, identifier, state)
    SELECT id, 'live-' || n, 'x', 'pending' FROM lane, generate_series(1, 3) n;
INSERT INTO enrichment (lane_id, key, identifier, state, job_id)
    SELECT lane_id, 'job-' || id, 'x', 'packed', id FROM job WHERE ended_at IS NULL;
"""
MUCH_WAITS = """
INSERT INTO enrichment (lane_id, key, identifier, state, rank)
SELECT id, 'waits-' || n, 'x', 'pending', now() + interval '1 h'
FROM lane, generate_series(1, %(rows)s / 2) n
"""
READ = """
SELECT relname::text AS name, seq_tup_read + coalesce(idx_tup_fetch, 0) AS count
FROM pg_stat_user_tables WHERE schemaname = current_schema()
"""
NAMES = ("requests", "results", "enrichments", "jobs", "events", "strays", "vendor_jobs", "actions")
HISTORY = ("request", "request_item", "enrichment", "result", "job", "job_event", "stray",
           "vendor_job")  # fmt: skip


@pytest.fixture
def old(driver: Driver) -> Driver:
    """A driver of a ledger with history, and a few live jobs and enrichments that wait."""
    driver.execute("SET LOCAL search_path TO test")
    for statement in FILL.split(";"):
        if statement.strip():
            driver.execute(statement, rows=ROWS)
    driver._ledger.commit()
    driver._ledger.autocommit = True
    driver.execute("VACUUM ANALYZE")
    return driver


def read_by(driver: Driver, work: Callable[[], Any]) -> dict[str, int]:
    """How many rows of each table of history the work has read."""
    before = _read(driver)
    work()
    after = _read(driver)
    return {it: after[it] - before[it] for it in HISTORY if after[it] > before[it]}


def _read(driver: Driver) -> dict[str, int]:
    """Once what other connections have counted has arrived."""
    found: dict[str, int] = {}
    deadline = time.monotonic() + 60
    while True:
        driver.execute("SELECT pg_stat_force_next_flush()")
        driver.execute("SELECT pg_stat_clear_snapshot()")
        last, found = found, dict(driver.rows(READ))
        others = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'enrichd:test %%'"
        if found == last and not driver.rows(others):
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sweeps_looks_status_and_page_read_no_history(old: Driver) -> None:
    context = old.context

    def pages() -> None:
        browser = TestClient(make_app(context), base_url="http://127.0.0.1")
        for path in ("/", "/requests", "/jobs", "/lanes", "/history", "/notices"):
            assert browser.get(path).status_code == 200, path

    old.account.slots.ready()
    works: dict[str, Callable[[], Any]] = {
        "sweep": old.sweep,
        "pack": old.pack,
        "look": lambda: old.only(old.wake("look")),
        "status": lambda: status(context),
        "pages": pages,
        "metrics": lambda: scrape(context),
        "now": lambda: now(context),
        "tidy": lambda: old.only(old.wake("tidy")),
        "retain": lambda: retain(context),
    }
    old.hasten()
    reads = {name: read_by(old, work) for name, work in works.items()}
    assert {n: r for n, r in reads.items() if any(count > FEW for count in r.values())} == {}


AGED = """
UPDATE job SET created_at = ended_at WHERE ended_at IS NOT NULL;
UPDATE request r SET created_at = now() - n * interval '1 h', metadata = jsonb_build_object('n', n)
FROM (SELECT id, row_number() OVER () AS n FROM request) numbered WHERE numbered.id = r.id;
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, ended_at)
    SELECT gen_random_uuid(), account_id, id, 'failed', 'x', 1, 'failed-' || id, now() FROM lane;
INSERT INTO enrichment (lane_id, key, identifier, state, reason, settled_at)
    SELECT id, 'failed', 'x', 'failed', 'x', now() FROM lane
"""
LISTED: tuple[tuple[Kind, str | None, dict[str, str]], ...] = (
    ("job", None, {}),
    ("job", "oldest", {}),
    ("job", "ended", {}),
    ("job", None, {"account": "test"}),
    ("job", None, {"state": "pending,packed"}),
    ("job", None, {"state": "failed"}),
    ("job", None, {"since": "2h"}),
    ("job", None, {"identifier": "key-7"}),
    ("request", None, {}),
    ("request", "newest", {"account": "test"}),
    ("request", None, {"open": "1"}),
    ("request", None, {"since": "2h", "until": "1h"}),
    ("request", None, {"metadata.n": "4711"}),
    ("request", None, {"identifier": "key-7"}),
    ("enrichment", None, {}),
    ("enrichment", None, {"state": "failed"}),
    ("enrichment", None, {"state": "pending"}),
    ("enrichment", None, {"identifier": "key-7"}),
    ("vendor_job", None, {}),
    ("vendor_job", "oldest", {"account": "test"}),
    ("vendor_job", None, {"id": "other-7"}),
    ("stray", None, {}),
    ("lane", None, {}),
)


@pytest.mark.parametrize("pages", [1, 2])
def test_a_page_of_a_list_reads_little_more_than_the_page(old: Driver, pages: int) -> None:
    """The first and the second, however long the history is."""
    for statement in AGED.split(";"):
        old.execute(statement)
    old.execute("VACUUM ANALYZE")

    def listed(kind: Kind, sort: str | None, given: dict[str, str]) -> None:
        with Ledger(old.context.settings, "test").connect() as connection:
            after = None
            for _ in range(pages):
                after = page(connection, choose(kind, given), sort, after, limit=20).next
                if after is None:
                    return

    reads = {
        f"{kind} by {sort}, {given}": read_by(old, partial(listed, kind, sort, given))
        for kind, sort, given in LISTED
    }
    assert {n: r for n, r in reads.items() if any(count > FEW for count in r.values())} == {}


def test_whether_a_lane_waits_is_told_by_its_queue(old: Driver) -> None:
    """Where much waits, a planner hopes to meet the first soon in the whole table."""
    old.execute(MUCH_WAITS, rows=ROWS)
    old.execute("VACUUM ANALYZE")

    def waiting() -> None:
        with old.context.ledger.connect() as connection:
            [lane] = page(connection, choose("lane", {"state": "waiting"})).rows
            assert lane

    assert read_by(old, waiting).get("enrichment", 0) < FEW
    assert read_by(old, lambda: old.only(old.wake("look"))).get("enrichment", 0) < FEW


def test_a_batch_of_retention_reads_a_batch(old: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it removes; so does the check of each foreign key."""
    pass_by(old, 40)
    old.execute("VACUUM ANALYZE")
    tables = tuple(replace(table, batch=100) for table in module.TABLES)
    for table in tables:
        monkeypatch.setattr(module, "TABLES", (table,))
        keeper = old.another(**{f"retain_{name}_days": 30.0 for name in NAMES})

        def one_batch(keeper: Driver = keeper) -> None:
            with armed("after retain.commit"), pytest.raises(FaultPointError):
                retain(keeper.context)

        reads = read_by(old, one_batch)
        assert all(count <= FEW for count in reads.values()), (table.name, reads)
        removed = old.value("SELECT removed FROM retention WHERE name = %(name)s", name=table.name)
        if table.name in ("requests", "events", "strays"):
            assert removed == 100, table.name
