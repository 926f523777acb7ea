"""End to end: identifiers a second from enqueue to results, with the daemon and the sandbox."""

from __future__ import annotations

import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.daemons import daemon, vendor
from benchmarks.ledgers import domains, new_ledger
from benchmarks.measure import Report, pair
from manager import Manager, Settings
from manager.endpoints import ENDPOINTS
from manager.run.embedded import EmbeddedServers
from manager.settings import AccountSettings
from manager.vendor import download
from manager.vendor.calls import NoGate
from manager.vendor.client import VendorClient

RUNS = 3
LIMIT = 600.0
# Seconds between two looks at a job, of the daemon at its quickest and of the yardstick.
LOOK = 0.25


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; a request has `size` / 10 identifiers, enough for ten jobs."""
    report.begin("end to end")
    count = size // 10
    with (
        vendor(servers, pending_seconds=0, processing_seconds=0.5, seconds_per_1000=0) as sandbox,
        new_ledger(
            servers,
            vendor_url=sandbox.url,
            vendor_api_key=sandbox.api_key,
            vendor_calls_per_minute=100_000,
            job_size=max(1, count // 10),
            look_min=LOOK,
            sweep_interval=LOOK,
        ) as settings,
        daemon(servers, settings),
    ):
        pairs = [
            pair(
                partial(_enqueue_and_wait, settings, count, start=2 * number * count),
                partial(_buy, settings, list(domains(count, (2 * number + 1) * count))),
            )
            for number in range(RUNS)
        ]
    report.rate(f"{count:,} in {RUNS} requests", "identifiers/s", count, pairs, "bare client")


def _enqueue_and_wait(settings: Settings, count: int, start: int) -> None:
    request = Manager(settings).enqueue("domains", domains(count, start))
    progress = request.wait(LIMIT)
    assert progress.fulfilled > count / 2, progress
    assert progress.fulfilled + progress.not_found == count, progress


def _buy(settings: Settings, identifiers: list[str]) -> None:
    """The yardstick: jobs of the same size, as many at once, read and thrown away."""
    jobs = (
        identifiers[first : first + settings.job_size]
        for first in range(0, len(identifiers), settings.job_size)
    )
    [account] = settings.served
    with (
        VendorClient(settings, account, NoGate()) as client,
        tempfile.TemporaryDirectory(dir=settings.spool_dir) as directory,
        ThreadPoolExecutor(settings.cap) as pool,
    ):
        directories = (Path(directory, str(number)) for number in itertools.count())
        list(pool.map(partial(_buy_one, settings, account, client), jobs, directories))


def _buy_one(
    settings: Settings,
    account: AccountSettings,
    client: VendorClient,
    identifiers: list[str],
    directory: Path,
) -> None:
    batch_id = client.submit(ENDPOINTS["company/enrich"], "domains", identifiers).batch_id
    while not (job := client.status(batch_id)).ended:
        time.sleep(LOOK)
    paths = download.fetch(job, directory, settings, account, partial(client.status, batch_id))
    lines = sum(1 for _ in download.lines(paths, settings))
    assert lines == job.result_count, job
    assert lines > len(identifiers) / 2, job
