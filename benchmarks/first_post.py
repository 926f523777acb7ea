"""First POST: seconds from the commit of an enqueue that fills jobs to the first submission."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.daemons import daemon, vendor
from benchmarks.ledgers import connected, domains, new_ledger
from benchmarks.measure import Report
from manager import Manager, Settings
from manager.run.embedded import EmbeddedServers
from sandbox import SandboxControl

RUNS = 3
LIMIT = 120.0
_LIVE = "SELECT count(*) FROM job WHERE ended_at IS NULL"


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; an enqueue has `size` / 100 identifiers, and `size`, which fill jobs."""
    report.begin("first POST")
    job_size = min(10_000, size // 100)
    with (
        vendor(servers, job_seconds=[0.5, 0.5]) as sandbox,
        new_ledger(
            servers,
            vendor_url=sandbox.url,
            vendor_api_key=sandbox.api_key,
            vendor_calls_per_minute=100_000,
            job_size=job_size,
            look_max=2,  # so that what is cancelled is soon over
            linger=10,
        ) as settings,
        daemon(servers, settings),
    ):
        start = 0
        for count in (job_size, size):
            seconds = []
            for _ in range(RUNS):
                seconds.append(_first_post(settings, sandbox, count, start))
                start += count
            report.figure(f"after {count:,}", "s", seconds)


def _first_post(settings: Settings, sandbox: SandboxControl, count: int, start: int) -> float:
    """What was enqueued is cancelled then, and what is in jobs already comes to its end."""
    before = sandbox.record()["submissions_accepted"]
    request = Manager(settings).enqueue("domains", domains(count, start))
    committed = time.monotonic()
    _wait(lambda: sandbox.record()["submissions_accepted"] > before)
    seconds = time.monotonic() - committed
    request.cancel()
    with connected(settings) as connection:
        _wait(lambda: connection.execute(_LIVE).fetchone() == (0,))
    return seconds


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < deadline, f"not within {LIMIT:g} s"
        time.sleep(0.05)
