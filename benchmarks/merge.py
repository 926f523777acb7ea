"""Merge: records a second from the vendor's file to settled enrichments, and memory."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from benchmarks import memory
from benchmarks.ledgers import connected, domains, fill, make_lanes, new_ledger, settle_all
from benchmarks.measure import Pair, Report, pair, times
from benchmarks.results_server import BATCH_ID, serving, write_results
from manager import Manager, Settings
from manager.run.embedded import EmbeddedServers
from manager.steps.context import Context
from manager.steps.merge import merge
from manager.steps.pack import pack

RUNS = 5
# Bytes of a record: a default selection's, and one of many fields.
SHORT, LONG = 2_000, 20_000

# What submit and look would write.
COMPLETE = """
UPDATE job SET state = 'submitting', slot = 1, submitting_at = now() WHERE state = 'packed';
UPDATE job SET state = 'pending', batch_id = '{batch_id}' WHERE state = 'submitting';
UPDATE job SET state = 'completed', slot = NULL, completed_at = now(), due_at = now(),
    result_count = identifier_count WHERE state = 'pending';
"""


class _Completed(NamedTuple):
    """A ledger with a job whose results wait."""

    settings: Settings
    job_id: UUID


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; a job has `size` / 100 identifiers, 10,000 at most."""
    report.begin("merge")
    count = min(10_000, size // 100)
    peaks: dict[int, list[float]] = {}
    for record_bytes in (SHORT, LONG):
        file = servers.data_dir / f"results-{record_bytes}.jsonl.gz"
        write_results(file, domains(count), record_bytes)
        title = f"{count:,} of {record_bytes / 1000:g} kB"
        with serving(file, count) as url:
            pairs = [_measured(servers, url, file, count) for _ in range(RUNS)]
            report.rate(title, "records/s", count, pairs, "gunzip and COPY")
            if record_bytes == SHORT:
                pairs = [_measured(servers, url, file, count, others=size) for _ in range(RUNS)]
                title += f", beside {size:,}"
                report.rate(title, "records/s", count, pairs, "gunzip and COPY")
            peaks[record_bytes] = [_peak(servers, url, count) for _ in range(3)]
        file.unlink()
    short, long = peaks.values()
    title = f"peak memory, {count:,} of"
    report.figure(f"{title} {SHORT / 1000:g} kB", "MiB", short)
    report.figure(f"{title} {LONG / 1000:g} kB", "MiB", long, times(long, short, "2 kB"))


def _measured(servers: EmbeddedServers, url: str, file: Path, count: int, others: int = 0) -> Pair:
    with _completed(servers, url, count, others) as job:
        return pair(partial(_merge, *job), partial(_copy, job.settings, file))


def _peak(servers: EmbeddedServers, url: str, count: int) -> float:
    with _completed(servers, url, count) as job:
        return memory.peak(_merge, *job)


def _merge(settings: Settings, job_id: UUID) -> None:
    context = Context(settings, "benchmark")
    merge(context, context.account(settings.account), job_id)
    context.close()


def _copy(settings: Settings, file: Path) -> None:
    """The yardstick: the raw lines into a table, with nothing checked and nothing settled."""
    with connected(settings) as connection, gzip.open(file) as lines:
        connection.execute("CREATE TABLE yardstick (line jsonb)")
        with connection.cursor().copy("COPY yardstick FROM STDIN") as rows:
            for line in lines:
                rows.write_row((line.decode(),))


@contextmanager
def _completed(
    servers: EmbeddedServers, url: str, count: int, others: int = 0
) -> Iterator[_Completed]:
    """A job of one request that the vendor has completed, beside others that are settled."""
    with ExitStack() as stack:
        settings = stack.enter_context(
            new_ledger(
                servers, vendor_url=url, vendor_calls_per_minute=100_000, pack_ahead=0, cap=1
            )
        )
        connection = stack.enter_context(connected(settings))
        if others:
            _settled_before(connection, others)
        Manager(settings).enqueue("domains", domains(count))
        context = Context(settings, "benchmark")
        wake, _ = pack(context, context.account(settings.account))
        connection.execute(COMPLETE.format(batch_id=BATCH_ID))
        assert wake.job_id
        yield _Completed(settings, wake.job_id)
        _check(connection)


def _check(connection: Connection[Any]) -> None:
    """A merge that cannot be done is put off and raises nothing."""
    merged = connection.execute(
        "SELECT fulfilled = total AND finished_at IS NOT NULL FROM request"
    ).fetchone()
    assert merged == (True,), connection.execute("SELECT state, error FROM job").fetchall()


def _settled_before(connection: Connection[Any], others: int) -> None:
    [lane_id] = make_lanes(connection, 1)
    fill(connection, lane_id, others)
    settle_all(connection)
