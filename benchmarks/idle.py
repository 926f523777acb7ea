"""Idle: processor time of a daemon that has nothing to do, and of its servers."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil

from benchmarks.daemons import daemon, vendor
from benchmarks.ledgers import new_ledger
from benchmarks.measure import Report
from manager.run.embedded import EmbeddedServers

WINDOWS = 3
WINDOW = 20.0
CALM = 10.0
_MINUTE = 60.0


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; `size` does not matter here."""
    report.begin("idle")
    with (
        vendor(servers) as sandbox,
        new_ledger(servers, vendor_url=sandbox.url, vendor_api_key=sandbox.api_key) as settings,
        daemon(servers, settings) as up,
    ):
        time.sleep(CALM)  # what starts up is not idle
        groups = {"daemon": [up]} | {
            name: [psutil.Process(pid)] for name, pid in servers.pids.items() if pid
        }
        spent: dict[str, list[float]] = {name: [] for name in groups}
        for _ in range(WINDOWS):
            before = {name: _processor_seconds(group) for name, group in groups.items()}
            time.sleep(WINDOW)
            for name, group in groups.items():
                used = _processor_seconds(group) - before[name]
                spent[name].append(used * _MINUTE / WINDOW)
    for name, values in spent.items():
        share = sum(values) / len(values) / _MINUTE
        report.figure(name, "CPU s/min", values, f"{share:.1%} of one core")


def _processor_seconds(roots: Iterable[psutil.Process]) -> float:
    """Of the processes, all below them, and those below that have ended."""
    total = 0.0
    for root in roots:
        for process in (root, *root.children(recursive=True)):
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
    return total
