"""Retain: what a pass costs that finds nothing, and one that removes; what others feel of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.ledgers import connected, fill, make_lanes, new_ledger, settle_all
from benchmarks.measure import Report, seconds
from manager import Manager, Settings
from manager.operator.status import status
from manager.run.embedded import EmbeddedServers
from manager.steps.context import Context
from manager.steps.retain import retain

REQUESTS = 100
CALLS = 50
# So many requests, finished a year ago, each for its part of the enrichments.
_REQUESTS = """
INSERT INTO request (id, lane_id, content_hash, max_age, total, fulfilled, finished_at)
    SELECT gen_random_uuid(), lane.id, '', '1 day', {each}, {each}, now() - interval '1 year'
    FROM lane, generate_series(1, {requests});
INSERT INTO request_item (request_id, position, cycle, enrichment_id, value)
    SELECT r.id, e.n / {requests}, 1, e.id, e.identifier
    FROM (SELECT id, row_number() OVER () - 1 AS n FROM request) r
    JOIN (SELECT id, identifier, row_number() OVER (ORDER BY id) - 1 AS n FROM enrichment) e
      ON e.n % {requests} = r.n;
UPDATE enrichment SET settled_at = now() - interval '1 year';
"""


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures."""
    report.begin("retain")
    with new_ledger(servers) as settings:
        with connected(settings) as connection:
            [lane] = make_lanes(connection, 1)
            fill(connection, lane, size)
            settle_all(connection)
            filled = _REQUESTS.format(each=size // REQUESTS, requests=REQUESTS)
            connection.execute(filled.encode())
            connection.execute("VACUUM ANALYZE")
        report.figure("status, alone", "ms", _calls(settings, "status"))
        report.figure("enqueue of one, alone", "ms", _calls(settings, "enqueue"))
        nothing = {"retain_requests_days": 3650.0, "retain_enrichments_days": 3650.0}
        took = _pass(settings, nothing)
        report.figure(f"a pass over {size:,} that finds nothing", "s", [took])
        with _retaining(settings, {"retain_requests_days": 30.0}) as took_by:
            report.figure("status, beside retention", "ms", _calls(settings, "status"))
            report.figure("enqueue of one, beside it", "ms", _calls(settings, "enqueue"))
        report.figure("requests, by item", "rows/s", [size / took_by[0]])
        took = _pass(settings, {"retain_enrichments_days": 30.0})
        report.figure("enrichments with a result each", "rows/s", [size / took])
        with connected(settings) as connection:
            left = connection.execute(
                "SELECT (SELECT count(*) FROM request_item), (SELECT count(*) FROM enrichment)"
            ).fetchone()
        assert left == (2 * CALLS, 2 * CALLS), f"{left} of requests and enrichments are left"


def _calls(settings: Settings, what: str) -> list[float]:
    """How long each of some calls takes."""
    context, manager = Context(settings, "benchmark"), Manager(settings)
    took: list[float] = []
    for number in range(CALLS):
        new = f"new-{id(took)}-{number}.com"
        work = partial(manager.enqueue, "domains", [new])
        took.append(seconds(partial(status, context) if what == "status" else work) * 1000)
    return took


def _pass(settings: Settings, limits: dict[str, float]) -> float:
    """Seconds of work of one pass over all tables that the limits concern."""
    context = Context(settings.model_copy(update=limits), "benchmark")
    with connected(settings) as connection:
        connection.execute("TRUNCATE retention")
        while True:
            retain(context)
            under_way, took = connection.execute(
                "SELECT count(*) FILTER (WHERE ended_at IS NULL), sum(seconds) FROM retention"
            ).fetchone() or (0, 0.0)
            if not under_way:
                return float(took)


@contextmanager
def _retaining(settings: Settings, limits: dict[str, float]) -> Iterator[list[float]]:
    """A pass beside the block; how long it took, afterwards."""
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(_pass(settings, limits)))
    thread.start()
    try:
        yield took
    finally:
        thread.join()
