"""One run: load and faults, then peace, then the invariants."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from tests.chaos import check, faults
from tests.chaos.load import Load
from tests.chaos.operators import Operator
from tests.chaos.report import LONG, Report
from tests.chaos.schedule import Event, schedule
from tests.chaos.vendors import shared
from tests.chaos.watch import Watcher
from tests.chaos.world import World

ACCOUNTS = ("alpha", "beta")
# Seconds without any progress, after the faults have ended, upon which a run has failed.
PATIENCE = 90.0
# Recovery: from the end of a fault until the next job of the account is accepted.
NEXT = """
SELECT a.name, extract(epoch FROM min(e.at))::float
FROM {schema}.job_event e JOIN {schema}.job j ON j.id = e.job_id
JOIN {schema}.account a ON a.id = j.account_id
WHERE e.at > to_timestamp(%s) AND e.to_state = 'pending' GROUP BY a.name
"""
HISTORY = """
SELECT e.at, a.name, e.job_id, j.identifier_count, j.batch_id, e.from_state, e.to_state, e.why, e.by
FROM {schema}.job_event e JOIN {schema}.job j ON j.id = e.job_id
JOIN {schema}.account a ON a.id = j.account_id ORDER BY e.id
"""
SEEN = """
SELECT a.name, v.* FROM {schema}.vendor_job v JOIN {schema}.account a ON a.id = v.account_id
ORDER BY v.first_seen_at
"""
LONGEST_PAUSE = """
SELECT extract(epoch FROM max(pause))::float
FROM (SELECT at - lag(at) OVER (PARTITION BY account_id ORDER BY at) AS pause
      FROM {schema}.job_event e JOIN {schema}.job j ON j.id = e.job_id
      WHERE to_state = 'pending') accepted
"""
COUNTS = {
    "enrichments": "SELECT state, count(*) FROM {schema}.enrichment GROUP BY 1",
    "jobs": "SELECT state, count(*) FROM {schema}.job GROUP BY 1",
    "resolved": """
        SELECT CASE to_state WHEN 'pending' THEN 'adopted' ELSE 'sent again' END, count(*)
        FROM {schema}.job_event WHERE why LIKE 'resolved%' GROUP BY 1""",
    "whose": "SELECT whose, count(*) FROM {schema}.vendor_job GROUP BY 1",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A fault that was carried out; when, in seconds since 1970."""

    kind: str
    began: float
    at: float


def run(
    seed: int,
    seconds: float,
    *,
    daemons: int = 2,
    mean_pause: float = 1.5,
    per_second: float = 3.0,
    keep: bool = False,
    kinds: Sequence[str] = (),
) -> Report:
    """Run a seed; never raises for what it finds.

    mean_pause: seconds between two faults. per_second: requests. keep: keep the logs anyway.
    kinds: of faults; all unless given.
    """
    report = Report(seed, seconds)
    events = schedule(seed, seconds, sorted(kinds or faults.FAULTS), mean_pause)
    rng = random.Random(seed)
    accounts = {account: shared(rng) for account in ACCOUNTS}
    with World(seed, daemons, accounts=accounts) as world:
        load = Load(world.settings, ACCOUNTS, seed, per_second)
        watcher = Watcher(world.settings)
        with _operated(world):
            load.start()
            watcher.start()
            check.working(world.settings, daemons, timeout=60)
            ended = _inject(world, events, report)
            faults.clear(world)
            load.stop()
            quiet = time.monotonic()
            check.drained(world.settings, PATIENCE)
        watcher.stop()
        report.drained_after = time.monotonic() - quiet
        report.violations = list(check.violations(world, load.accepted))
        report.requests, report.identifiers = len(load.accepted), load.identifiers
        report.cancelled, report.repeated_calls = load.cancelled, load.refused
        report.records = {name: it.control.record() for name, it in world.vendors.items()}
        _look(world, report, ended, watcher)
        if report.violations or keep:
            _keep_logs(world, report, ended)
    return report


@contextmanager
def _operated(world: World) -> Iterator[None]:
    operator = Operator(world.settings)
    operator.start()
    yield
    operator.stop()


def _inject(world: World, events: list[Event], report: Report) -> list[Ended]:
    """Carry out the events at their times; returns when all have ended."""
    began, threads, ended = time.monotonic(), [], []

    def carry_out(event: Event) -> None:
        since = time.time()
        faults.apply(world, event.kind, event.seed)
        ended.append(Ended(event.kind, since, time.time()))

    for event in events:
        time.sleep(max(0.0, event.at - (time.monotonic() - began)))
        report.injected[event.kind] += 1
        thread = threading.Thread(target=carry_out, args=(event,))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return ended


def _look(world: World, report: Report, ended: list[Ended], watcher: Watcher) -> None:
    schema = world.settings.database_schema
    with psycopg.connect(world.settings.postgres) as connection:
        for fault in ended:
            accepted = connection.execute(NEXT.format(schema=schema).encode(), [fault.at])
            for account, at in accepted.fetchall():
                report.recoveries[fault.kind].append(at - fault.at)
                if at - fault.at > LONG:
                    waits = "; ".join(watcher.between(account, fault.at, at))
                    took = f"{account} took {at - fault.at:.0f} s after {fault.kind}"
                    report.explained.append(f"{took}: {waits}")
        pause = connection.execute(LONGEST_PAUSE.format(schema=schema).encode()).fetchone()
        report.longest_pause = float(pause[0] or 0) if pause else 0.0
        for name, query in COUNTS.items():
            found = connection.execute(query.format(schema=schema).encode()).fetchall()
            setattr(report, name, dict(found))


def _keep_logs(world: World, report: Report, ended: list[Ended]) -> None:
    """What a failed run leaves behind: the processes' logs, for whoever looks into it."""
    target = world.directory.parent / f"enrichd-chaos-seed-{report.seed}"
    target.mkdir(exist_ok=True)
    for log in world.directory.glob("*.log"):
        (target / log.name).write_bytes(log.read_bytes())
    (target / "records.json").write_text(json.dumps(report.records, indent=1))
    (target / "faults.txt").write_text(
        "".join(
            f"{datetime.fromtimestamp(it.began, UTC)}\t{it.at - it.began:.1f} s\t{it.kind}\n"
            for it in sorted(ended, key=lambda it: it.began)
        )
    )
    with psycopg.connect(world.settings.postgres) as connection:
        for name, query in (("history", HISTORY), ("vendor-jobs", SEEN)):
            rows = connection.execute(
                query.format(schema=world.settings.database_schema).encode()
            ).fetchall()
            text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
            (target / f"{name}.txt").write_text(text)
    print(f"the logs are kept in {target}")
