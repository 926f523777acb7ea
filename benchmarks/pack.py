"""Pack: what a job costs, and that it costs no more when more is waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from psycopg import Connection

from benchmarks.ledgers import connected, fill, make_lanes, new_ledger
from benchmarks.measure import Pair, Report, pair, times
from manager import Settings
from manager.run.embedded import EmbeddedServers
from manager.steps.context import Context
from manager.steps.pack import pack

LANES = 200
JOBS = 10


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; `size` is the number of enrichments in the largest backlog."""
    report.begin("pack")
    job_size = min(10_000, size // 100)
    few = 2 * job_size
    small: list[Pair] = []
    for _ in range(JOBS // 2):
        with _backlog(servers, job_size, few) as packer:
            small += packer.jobs(2)
    report.milliseconds(f"a job, {few:,} waiting", small, "UPDATE")
    for analyzed in (True, False):
        known = "" if analyzed else ", no statistics"
        with _backlog(servers, job_size, size, analyzed=analyzed) as packer:
            large = packer.jobs(JOBS)
        growth = times([it.work for it in large], [it.work for it in small], f"{few:,} waiting")
        report.milliseconds(f"a job, {size:,} waiting{known}", large, "UPDATE", also=growth)
        report.rate("  as a rate", "enrichments/s", job_size, large, "UPDATE")
    for snapshot in (False, True):
        beside = ", beside an old snapshot" if snapshot else ""
        with _backlog(servers, job_size, size, snapshot=snapshot) as packer:
            packer.skip(size // job_size - JOBS)
            report.milliseconds(f"the last {JOBS} jobs{beside}", packer.jobs(JOBS), "UPDATE")
    with _backlog(servers, job_size, size, lanes=LANES) as packer:
        report.milliseconds(f"a job, {size:,} in {LANES} lanes", packer.jobs(JOBS), "UPDATE")


class _Packer:
    """Packs a backlog, with an UPDATE of as many rows of a like table after each job."""

    def __init__(self, settings: Settings, connection: Connection[Any]) -> None:
        self._settings = settings
        self._connection = connection
        self._jobs = 0
        self._updated = 0

    def jobs(self, count: int) -> list[Pair]:
        """Pack as many jobs, each by a call of its own."""
        return [pair(self._pack, self._update) for _ in range(count)]

    def skip(self, count: int) -> None:
        """Pack as many jobs that nobody measures."""
        self._pack(count)
        self._update()

    def _pack(self, count: int = 1) -> None:
        """The slots stay taken, so as many jobs are wanted as are packed ahead of them."""
        self._jobs += count
        wanted = {"pack_ahead": self._jobs - self._settings.cap}
        context = Context(self._settings.model_copy(update=wanted), "benchmark")
        account = context.account(self._settings.account)
        for number in range(count):
            assert pack(context, account), f"{number} jobs were packed, not {count}"

    def _update(self) -> None:
        """The yardstick: no more than the rows must be touched for."""
        self._connection.execute(
            "WITH packed AS (SELECT sum(identifier_count) AS rows FROM job)"
            " UPDATE yardstick SET state = 'packed', job_id = gen_random_uuid()"
            " FROM packed WHERE id > %s AND id <= packed.rows",
            (self._updated,),
        )
        [self._updated] = self._connection.execute(
            "SELECT sum(identifier_count) FROM job"
        ).fetchone() or [0]


@contextmanager
def _backlog(
    servers: EmbeddedServers,
    job_size: int,
    total: int,
    *,
    lanes: int = 1,
    analyzed: bool = True,
    snapshot: bool = False,
) -> Iterator[_Packer]:
    """`total` enrichments that wait in so many lanes, in a ledger of their own.

    analyzed: whether the planner knows of them; just after a large enqueue it does not.
    snapshot: beside a transaction that has seen them all, as a dump of the database has.
    """
    with ExitStack() as stack:
        settings = stack.enter_context(new_ledger(servers, job_size=job_size, cap=1))
        connection = stack.enter_context(connected(settings))
        connection.execute(
            "CREATE TABLE yardstick (LIKE enrichment INCLUDING ALL) WITH (fillfactor = 80)"
        )
        if not analyzed:
            connection.execute("ALTER TABLE enrichment SET (autovacuum_enabled = false)")
        for lane_id in make_lanes(connection, lanes):
            for table in ("enrichment", "yardstick"):
                fill(connection, lane_id, total // lanes, table)
        connection.execute("VACUUM ANALYZE yardstick")
        if analyzed:
            connection.execute("VACUUM ANALYZE enrichment")
        if snapshot:
            old = stack.enter_context(connected(settings))
            old.execute("SET idle_in_transaction_session_timeout = 0")
            old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM enrichment")
        yield _Packer(settings, connection)
