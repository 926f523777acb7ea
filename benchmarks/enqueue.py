"""Enqueue: identifiers a second, single calls a second, the delay of a small call, and memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg

from benchmarks import memory
from benchmarks.ledgers import FIELDS, connected, domains, fill, make_lanes, new_ledger, settle_all
from benchmarks.measure import Pair, Report, pair, times
from manager import Manager, Settings
from manager.run.embedded import EmbeddedServers

SMALL_CALL = 100
CALLS = 20
# Of one identifier each, as a web application makes them.
SINGLE_CALLS = 1_000
THREADS = 8
CATALOGS = """
SELECT sum(pg_relation_size(oid)) FROM pg_class
WHERE relname IN ('pg_class', 'pg_attribute', 'pg_depend', 'pg_type', 'pg_index', 'pg_shdepend')
"""


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; `size` is the number of identifiers in the largest call."""
    report.begin("enqueue")
    _rates(report, servers, size // 10, runs=5)
    _rates(report, servers, size, runs=3)
    _single_calls(report, servers)
    _small_calls(report, servers, size)
    _memory(report, servers, size)


def enqueue(settings: Settings, count: int, start: int = 0) -> None:
    """One call, fed by a generator."""
    Manager(settings).enqueue("domains", domains(count, start), fields=FIELDS)


def copy(settings: Settings, count: int) -> None:
    """The yardstick: the same rows of text, with nothing looked at and nothing decided."""
    with connected(settings) as connection, connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE yardstick"
            " (position integer, key text, identifier text, value text) ON COMMIT DROP"
        )
        with connection.cursor().copy("COPY yardstick FROM STDIN") as rows:
            for position, domain in enumerate(domains(count)):
                rows.write_row((position, domain, domain, domain))


def _rates(report: Report, servers: EmbeddedServers, count: int, *, runs: int) -> None:
    cases: dict[str, list[Pair]] = {"fresh": [], "joined": [], "hits": []}
    for _ in range(runs):
        with new_ledger(servers) as settings:
            for case, pairs in cases.items():
                if case == "hits":
                    with connected(settings) as connection:
                        settle_all(connection)
                pairs.append(
                    pair(partial(enqueue, settings, count), partial(copy, settings, count))
                )
            _check(settings, count)
    for case, pairs in cases.items():
        report.rate(f"{count:,} {case}", "identifiers/s", count, pairs, "COPY")


def _check(settings: Settings, count: int) -> None:
    """The three requests were what they were taken for: one bought, one joined, one hit."""
    with connected(settings) as connection:
        hits = connection.execute("SELECT fulfilled FROM request ORDER BY id").fetchall()
        bought = connection.execute("SELECT count(*), max(cycle) FROM enrichment").fetchone()
    assert hits == [(0,), (0,), (count,)], hits
    assert bought == (count, 1), bought


def _single_calls(report: Report, servers: EmbeddedServers) -> None:
    """Beside as many transactions that insert a row and commit, on one connection."""
    cases: dict[str, list[Pair]] = {"the caller's connection": [], "its own": []}
    numbers = iter(range(1_000_000_000))

    def one() -> list[str]:
        return [f"single-{next(numbers)}.example"]

    with (
        new_ledger(servers) as settings,
        Manager(settings) as manager,
        connected(settings) as look,
        psycopg.connect(settings.postgres) as given,
    ):
        look.execute("CREATE TABLE yardstick (number integer)")

        def on_given() -> None:
            manager.enqueue("domains", one(), connection=given)
            given.commit()

        def bare() -> None:
            table = f"{settings.database_schema}.yardstick"
            given.execute(f"INSERT INTO {table} VALUES (%s)".encode(), (1,))
            given.commit()

        def on_own() -> None:
            manager.enqueue("domains", one())

        for _ in range(3):
            for pairs, call in zip(cases.values(), (on_given, on_own), strict=True):
                pairs.append(pair(partial(_repeat, call), partial(_repeat, bare)))
        for case, pairs in cases.items():
            title = f"calls of one on {case}"
            report.rate(title, "calls/s", SINGLE_CALLS, pairs, "bare transactions")
        before = _catalogs(look)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda _: _repeat(on_own), range(THREADS)))
        grown = _catalogs(look) - before
        title = f"catalogs after {THREADS} x {SINGLE_CALLS:,} calls"
        report.figure(title, "bytes grown", [grown])


def _repeat(call: Callable[[], object]) -> None:
    for _ in range(SINGLE_CALLS):
        call()


def _catalogs(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(CATALOGS).fetchone()
    return int(row[0]) if row else 0


def _small_calls(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Whether a call that is small stays quick when the ledger is large."""
    for others in (0, size):
        with new_ledger(servers) as settings, connected(settings) as connection:
            [lane_id] = make_lanes(connection, 1)
            fill(connection, lane_id, others)
            settle_all(connection)
            pairs = [
                pair(
                    partial(enqueue, settings, SMALL_CALL, start=others + number * SMALL_CALL),
                    partial(copy, settings, SMALL_CALL),
                )
                for number in range(1, CALLS + 1)
            ]
        report.milliseconds(f"a call of {SMALL_CALL}, beside {others:,}", pairs, "COPY")


def _memory(report: Report, servers: EmbeddedServers, size: int) -> None:
    peaks: dict[int, list[float]] = {}
    for count in (size // 100, size):
        with new_ledger(servers) as settings:
            peaks[count] = [memory.peak(enqueue, settings, count) for _ in range(3)]
            with connected(settings) as connection:
                totals = connection.execute("SELECT total FROM request").fetchall()
            assert totals == [(count,)] * 3, totals
    small, large = peaks.values()
    report.figure(f"peak memory, {size // 100:,}", "MiB", small)
    report.figure(f"peak memory, {size:,}", "MiB", large, times(large, small, f"{size // 100:,}"))
