"""Unresolved: what becomes of lost answers while another tool uses the account, in real time.

The vendor allows 15 calls a minute on each route and does not say so; the other tool starts a job
as large as our last one every 4 to 12 s. Of the answers that are lost, the vendor has every other
job.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.daemons import daemon, vendor
from benchmarks.ledgers import connected, domains, new_ledger
from benchmarks.measure import Table
from benchmarks.slots import CALLS_PER_MINUTE, CAP, JOB_SIZE, ROUTES, calls_by_route
from manager import Manager, Settings, WaitTimeoutError
from manager.run.embedded import EmbeddedServers
from sandbox import SandboxControl

# Goals in seconds: from the end of the job at the vendor to its adoption; from the call to its
# being sent again, beyond `resolve_window`.
ADOPTED, SENT_AGAIN = 60.0, 30.0
_EVENTS = """
SELECT e.job_id, e.at, e.from_state, e.to_state, e.why, j.batch_id
FROM job_event e JOIN job j ON j.id = e.job_id ORDER BY e.job_id, e.id
"""


@dataclass(slots=True)
class Lost:
    """A submission whose answer was lost.

    called, resolved: seconds since 1970; resolved None while it is not. batch_id: what was adopted;
    None when it was sent again.
    """

    called: float
    resolved: float | None = None
    batch_id: str | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much, and how patient."""
    parser.add_argument("--lost", type=int, default=8, help="answers lost (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=40, help="all jobs (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, nargs=2, metavar=("LOW", "HIGH"), default=(20, 60),
        help="how long our jobs take (default: 20 60)",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=float, default=120, help="resolve_window (default: %(default)s)"
    )
    parser.add_argument(
        "--limit", type=float, default=900, help="seconds after which it ends, resolved or not"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the durations")


def run(servers: EmbeddedServers, arguments: argparse.Namespace) -> None:
    """Print a line for each lost answer, and what it cost."""
    table = Table("unresolved (seconds)", ("resolved", "counted", "goal", "slot held"))
    with (
        vendor(
            servers,
            job_seconds=arguments.seconds,
            seed=arguments.seed,
            calls_per_minute=CALLS_PER_MINUTE,
            limit_headers=False,
            foreign_every_seconds=[4, 12],
            foreign_seconds=[1, 3],
            foreign_size="last",
        ) as sandbox,
        new_ledger(
            servers,
            vendor_url=sandbox.url,
            vendor_api_key=sandbox.api_key,
            vendor_calls_per_minute=CALLS_PER_MINUTE,
            cap=CAP,
            job_size=JOB_SIZE,
            linger=10,
            resolve_window=arguments.window,
        ) as settings,
        daemon(servers, settings),
    ):
        for number in range(arguments.lost):
            sandbox.fault("submit", "reset_before" if number % 2 else "reset_after")
        began = time.time()
        request = Manager(settings).enqueue("domains", domains(arguments.jobs * JOB_SIZE))
        finished = _wait(request.wait, arguments.limit)
        seconds = time.time() - began
        _print(table, settings, sandbox, seconds, finished)


def _wait(wait: Any, limit: float) -> bool:
    try:
        wait(limit)
    except WaitTimeoutError:
        return False
    return True


def _print(
    table: Table, settings: Settings, sandbox: SandboxControl, seconds: float, finished: bool
) -> None:
    record, now = sandbox.record(), time.time()
    ended = {
        job["batch_id"]: datetime.fromisoformat(job["completed_at"]).timestamp()
        for job in record["jobs"]
        if job["completed_at"]
    }
    lost = _lost(settings)
    for number, it in enumerate(sorted(lost, key=lambda it: it.called), start=1):
        held = (it.resolved or now) - it.called
        if it.resolved is None:
            table.line(f"{number}: not resolved", ["no", "-", "-", held])
        elif it.batch_id:
            counted = it.resolved - ended.get(it.batch_id, it.resolved)
            table.line(f"{number}: adopted, since its end", ["yes", counted, ADOPTED, held])
        else:
            goal = settings.resolve_window + SENT_AGAIN
            table.line(f"{number}: sent again, since the call", ["yes", held, goal, held])
    calls = dict(zip(ROUTES, calls_by_route(record, seconds), strict=True))
    foreign = sum(job["foreign"] for job in record["jobs"])
    print(
        f"  {len(lost)} lost, at most {_most_at_once(lost, now)} of {CAP} slots held at once; "
        f"{'done' if finished else 'not done'} after {seconds:.0f} s; {foreign} foreign jobs; "
        f"calls/allowed {calls}; bought twice: {record['duplicates']['count']}"
    )


def _lost(settings: Settings) -> list[Lost]:
    """Every submission that was unresolved, by the jobs' history."""
    with connected(settings) as connection:
        events = connection.execute(_EVENTS).fetchall()
    found: list[Lost] = []
    called: dict[Any, Lost] = {}
    for job_id, at, from_state, to_state, why, batch_id in events:
        if to_state == "submitting":
            called[job_id] = Lost(at.timestamp())
        elif from_state == "submitting":
            it = called.pop(job_id)
            if why.startswith("resolved"):
                it.resolved = at.timestamp()
                it.batch_id = batch_id if to_state == "pending" else None
                found.append(it)
    return found + list(called.values())


def _most_at_once(lost: list[Lost], now: float) -> int:
    def moments() -> Iterator[tuple[float, int]]:
        for it in lost:
            yield it.called, 1
            yield it.resolved or now, -1

    most = held = 0
    for _, change in sorted(moments()):
        held += change
        most = max(most, held)
    return most
