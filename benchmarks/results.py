"""Results: identifiers a second out of the ledger in each format, memory, and lookups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import memory
from benchmarks.ledgers import connected, domains, fill, make_lanes, new_ledger, settle_all
from benchmarks.measure import Pair, Report, pair, times
from manager import Manager, Settings
from manager.cli.results import csv, file, jsonl, parquet
from manager.client.table import Table
from manager.run.embedded import EmbeddedServers

RUNS = 3
# A record of about 2 kB, of 40 fields in 8 groups.
_RECORD = """
UPDATE result SET record = (
    SELECT jsonb_object_agg('group_' || g, (
        SELECT jsonb_object_agg('field_' || f, CASE f WHEN 1 THEN to_jsonb(enrichment_id)
            WHEN 2 THEN to_jsonb(enrichment_id / 7.0) ELSE to_jsonb(repeat(md5(f::text), 1)) END)
        FROM generate_series(1, 5) f))
    FROM generate_series(1, 8) g)
"""
Work = Callable[[Settings, UUID, Path], None]


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; the larger request has `size` / 10 identifiers, the smaller a tenth."""
    report.begin("results")
    count = size // 10
    formats: dict[str, Work] = {
        "jsonl": _jsonl,
        "csv, flattened": _csv,
        "csv, two fields": _csv_fields,
        "parquet": _parquet,
        "parquet, flattened": _parquet_flattened,
    }
    with _settled(servers, count // 10) as small, _settled(servers, count) as large:
        for title, work in formats.items():
            pairs = [_measured(work, *large, servers.data_dir) for _ in range(RUNS)]
            report.rate(f"{count:,} as {title}", "identifiers/s", count, pairs, "COPY TO")
        for title, work in formats.items():
            less = [memory.peak(work, *small, servers.data_dir / "out")]
            more = [memory.peak(work, *large, servers.data_dir / "out")]
            compared = times(more, less, f"{count // 10:,}")
            report.figure(f"peak memory, {count:,} as {title}", "MiB", more, compared)
    _lookups(report, servers, size)


def _lookups(report: Report, servers: EmbeddedServers, size: int) -> None:
    with new_ledger(servers) as settings:
        with connected(settings) as connection:
            for lane_id in make_lanes(connection, 3):
                fill(connection, lane_id, size // 3)
            settle_all(connection)
        for count in (1, 10_000):
            pairs = [
                pair(partial(_look_up, settings, count), partial(_select, settings, count))
                for _ in range(5)
            ]
            title = f"a lookup of {count:,}, beside {size:,}"
            report.milliseconds(title, pairs, "SELECT by key")


def _measured(work: Work, settings: Settings, id: UUID, directory: Path) -> Pair:
    return pair(lambda: work(settings, id, directory / "out"), lambda: _copy(settings, directory))


def _copy(settings: Settings, directory: Path) -> None:
    """The yardstick: the bare records."""
    with (
        connected(settings) as connection,
        connection.cursor().copy("COPY (SELECT record FROM result) TO STDOUT") as rows,
        (directory / "yardstick").open("wb") as out,
    ):
        out.writelines(rows)


def _jsonl(settings: Settings, id: UUID, output: Path) -> None:
    _write(jsonl.write, settings, id, output, flatten=False, fields=None)


def _csv(settings: Settings, id: UUID, output: Path) -> None:
    _write(csv.Writer(), settings, id, output, flatten=True, fields=None)


def _csv_fields(settings: Settings, id: UUID, output: Path) -> None:
    fields = ["group_1.field_1", "group_8.field_5"]
    _write(csv.Writer(), settings, id, output, flatten=False, fields=fields)


def _parquet(settings: Settings, id: UUID, output: Path) -> None:
    _write(parquet.write, settings, id, output, flatten=False, fields=None)


def _parquet_flattened(settings: Settings, id: UUID, output: Path) -> None:
    _write(parquet.write, settings, id, output, flatten=True, fields=None)


def _write(write: Any, settings: Settings, id: UUID, output: Path, **options: Any) -> None:
    request = Manager(settings).request(id)
    table = Table(request.progress().endpoint, **options)
    with file.opened(output, binary=True) as target:
        write(table, request.pages(), target)
    assert output.stat().st_size > request.total


def _look_up(settings: Settings, count: int) -> None:
    found = Manager(settings).lookup("domains", domains(count, start=1))
    assert sum(it.record is not None for it in found) == count


def _select(settings: Settings, count: int) -> None:
    """The yardstick: the records of one lane's keys, in one statement."""
    with connected(settings) as connection:
        connection.execute(
            "SELECT record FROM enrichment e JOIN result r ON r.enrichment_id = e.id"
            " WHERE e.lane_id = (SELECT min(id) FROM lane) AND e.key = ANY(%s)",
            (list(domains(count, start=1)),),
        ).fetchall()


@contextmanager
def _settled(servers: EmbeddedServers, count: int) -> Iterator[tuple[Settings, UUID]]:
    """A request whose identifiers all have records."""
    with new_ledger(servers) as settings:
        request = Manager(settings).enqueue("domains", domains(count))
        with connected(settings) as connection:
            settle_all(connection)
            connection.execute(_RECORD)
            connection.execute("VACUUM FULL ANALYZE result")
        yield settings, request.id
