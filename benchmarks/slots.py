"""Slots: how long jobs of known durations take, beside the best schedule of the same durations.

In real time: the vendor allows 15 calls a minute on each route. Every account has a vendor of its
own, whose jobs take times drawn beforehand.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapreplace
from itertools import pairwise
from statistics import fmean
from typing import Any

from benchmarks.daemons import daemon, vendor
from benchmarks.ledgers import connected, domains, new_ledger
from benchmarks.measure import Table
from manager import Manager, Settings
from manager.run.embedded import EmbeddedServers
from manager.run.processes import free_port
from sandbox import SandboxControl, job_durations

CALLS_PER_MINUTE = 15
CAP = 5
# Bytes are not what is measured.
JOB_SIZE = 100
ROUTES = ("submit", "status", "list")
_SLOT = re.compile(r"in slot (\d+)")
_SUBMITTED = """
SELECT j.batch_id, e.why FROM job j JOIN job_event e ON e.job_id = j.id
JOIN account a ON a.id = j.account_id
WHERE a.name = %s AND e.to_state = 'submitting' ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A load and a vendor. seconds: how long its jobs take, drawn between the two.

    goal: the ratio to the best schedule that is to be reached.
    """

    name: str
    goal: float
    seconds: tuple[float, float] = (20, 60)
    jobs: int = 40
    webhooks: bool = False
    headers: bool = True
    accounts: int = 1


VARIANTS = (
    Variant("polling", 1.06),
    Variant("polling-no-headers", 1.06, headers=False),
    Variant("webhooks", 1.03, webhooks=True),
    Variant("webhooks-no-headers", 1.03, webhooks=True, headers=False),
    Variant("minutes", 1.02, seconds=(120, 300), jobs=20),
    Variant("minutes-webhooks", 1.02, seconds=(120, 300), jobs=20, webhooks=True),
    Variant("three-accounts", 1.06, accounts=3),
)
NAMES = [variant.name for variant in VARIANTS]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which variants, and other loads than theirs."""
    parser.add_argument(
        "--only", nargs="+", metavar="VARIANT", choices=NAMES, default=NAMES,
        help=f"some of: {', '.join(NAMES)}",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, help="instead of 40, or 20 that take minutes")
    parser.add_argument(
        "--seconds", type=float, nargs=2, metavar=("LOW", "HIGH"), help="how long jobs take"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the durations")


def run(servers: EmbeddedServers, arguments: argparse.Namespace) -> None:
    """Print a line for each account of each variant."""
    table = Table(
        "slots (seconds, calls/allowed)",
        ("makespan", "best", "ratio", "goal", "gap", "worst", "first POST", *ROUTES),
    )
    for variant in VARIANTS:
        if variant.name not in arguments.only:
            continue
        jobs, seconds = arguments.jobs or variant.jobs, arguments.seconds or variant.seconds
        given = replace(variant, jobs=jobs, seconds=tuple(seconds))
        for name, figures in _run(servers, given, arguments.seed):
            table.line(name, figures)


def _run(
    servers: EmbeddedServers, variant: Variant, seed: int
) -> Iterator[tuple[str, list[float | str]]]:
    """The figures of each account; all are served by one daemon at the same time."""
    names = [f"account-{number}" for number in range(1, variant.accounts + 1)]
    title = f"{variant.name}, {variant.jobs} of {variant.seconds[0]:g}-{variant.seconds[1]:g} s"
    with ExitStack() as stack:
        sandboxes = {
            name: stack.enter_context(
                vendor(
                    servers,
                    job_seconds=variant.seconds,
                    seed=seed + number,
                    calls_per_minute=CALLS_PER_MINUTE,
                    limit_headers=variant.headers,
                )
            )
            for number, name in enumerate(names)
        }
        settings = stack.enter_context(_ledger(servers, variant, sandboxes))
        stack.enter_context(daemon(servers, settings))
        manager = Manager(settings)
        requests, committed = {}, {}
        for number, name in enumerate(names):
            count = variant.jobs * JOB_SIZE
            identifiers = domains(count, number * count)
            requests[name] = manager.enqueue("domains", identifiers, account=name)
            committed[name] = time.time()
        longest = variant.seconds[1] * variant.jobs / CAP * 3 + 300
        for request in requests.values():
            request.wait(longest)
        for number, name in enumerate(names):
            durations = job_durations(variant.seconds, seed + number, variant.jobs)
            record = sandboxes[name].record()
            yield (
                title if len(names) == 1 else f"{title}, {name}",
                _figures(settings, name, variant.goal, record, committed[name], durations),
            )


@contextmanager
def _ledger(
    servers: EmbeddedServers, variant: Variant, sandboxes: dict[str, SandboxControl]
) -> Iterator[Settings]:
    given: dict[str, Any] = {}
    if variant.webhooks:
        given["web_port"] = free_port()
        given["webhook_url"] = f"http://127.0.0.1:{given['web_port']}"
    accounts = {
        name: {"vendor_url": sandbox.url, "vendor_api_key": sandbox.api_key}
        for name, sandbox in sandboxes.items()
    }
    with new_ledger(
        servers,
        account=next(iter(sandboxes)),
        accounts=accounts,
        vendor_api_key=None,
        vendor_calls_per_minute=CALLS_PER_MINUTE,
        cap=CAP,
        job_size=JOB_SIZE,
        linger=10,
        **given,
    ) as settings:
        yield settings


def _figures(
    settings: Settings,
    account: str,
    goal: float,
    record: dict[str, Any],
    committed: float,
    durations: list[float],
) -> list[float | str]:
    """In the order of the table's columns, by the vendor's own record."""
    jobs = sorted(
        (_time(job["created_at"]), _time(job["completed_at"]), job["batch_id"])
        for job in record["jobs"]
    )
    assert len(jobs) == len(durations), f"{len(jobs)} jobs were submitted, not {len(durations)}"
    makespan = max(ended for _, ended, _ in jobs) - committed
    best = best_schedule(durations)
    gaps = _gaps(settings, account, jobs)
    first = jobs[0][0] - committed
    calls = calls_by_route(record, makespan)
    gap, worst = fmean(gaps or [0]), max(gaps or [0])
    return [makespan, best, makespan / best, goal, gap, worst, first, *calls]


def calls_by_route(record: dict[str, Any], seconds: float) -> list[str]:
    """Of submit, status and list: calls made / calls that the vendor allows in that time."""
    allowed = round(CALLS_PER_MINUTE * seconds / 60)
    return [f"{sum(record['calls'].get(route, {}).values())}/{allowed}" for route in ROUTES]


def best_schedule(durations: list[float]) -> float:
    """Seconds that they take on five slots when each goes, in its order, to the first free one."""
    free = [0.0] * CAP
    for seconds in durations:
        heapreplace(free, free[0] + seconds)
    return max(free)


def _gaps(settings: Settings, account: str, jobs: list[tuple[float, float, str]]) -> list[float]:
    """Seconds for which a slot stood empty between two jobs."""
    with connected(settings) as connection:
        submitted = connection.execute(_SUBMITTED, (account,)).fetchall()
    slots = {batch_id: match[1] for batch_id, why in submitted if (match := _SLOT.search(why))}
    held = defaultdict(list)
    for created, ended, batch_id in jobs:
        held[slots[batch_id]].append((created, ended))
    return [later - ended for times in held.values() for (_, ended), (later, _) in pairwise(times)]


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
