"""One run: load and faults, then peace, then the invariants."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg

from tests.chaos import check, faults
from tests.chaos.load import Load
from tests.chaos.operators import Operator
from tests.chaos.schedule import Event, schedule
from tests.chaos.world import World

# Seconds without any progress, after the faults have ended, upon which a run has failed.
PATIENCE = 90.0
# Recovery: from the end of a fault until the next job is accepted.
NEXT = """
SELECT extract(epoch FROM min(at)) FROM {schema}.job_event
WHERE at > to_timestamp(%s) AND to_state = 'pending'
"""
HISTORY = """
SELECT e.at, e.job_id, j.identifier_count, j.batch_id, e.from_state, e.to_state, e.why, e.by
FROM {schema}.job_event e JOIN {schema}.job j ON j.id = e.job_id ORDER BY e.id
"""
LONGEST_PAUSE = """
SELECT extract(epoch FROM max(pause))::float
FROM (SELECT at - lag(at) OVER (ORDER BY at) AS pause FROM {schema}.job_event
      WHERE to_state = 'pending') accepted
"""
COUNTS = {
    "enrichments": "SELECT state, count(*) FROM {schema}.enrichment GROUP BY 1",
    "jobs": "SELECT state, count(*) FROM {schema}.job GROUP BY 1",
    "resolved": """
        SELECT CASE to_state WHEN 'pending' THEN 'adopted' ELSE 'sent again' END, count(*)
        FROM {schema}.job_event WHERE why LIKE 'resolved%' GROUP BY 1""",
}


@dataclass
class Report:
    """What a run did and found."""

    seed: int
    seconds: float
    injected: Counter[str] = field(default_factory=Counter)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    requests: int = 0
    identifiers: int = 0
    cancelled: int = 0
    repeated_calls: int = 0
    drained_after: float = 0.0
    longest_pause: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)
    enrichments: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    resolved: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as a person reads it."""
        calls = self.record.get("calls", {})
        shown = [
            f"seed {self.seed}, {self.seconds:g} s of faults, "
            f"drained after {self.drained_after:.1f} s, "
            f"longest time without a job accepted {self.longest_pause:.1f} s",
            f"requests {self.requests:,} ({self.cancelled} cancelled, "
            f"{self.repeated_calls} calls repeated), identifiers {self.identifiers:,}",
            f"enrichments {self.enrichments}",
            f"jobs {self.jobs}; resolved submissions {self.resolved}",
            f"vendor: {self.record.get('submissions_accepted')} jobs accepted, highest active "
            f"{self.record.get('highest_active_own')} of ours "
            f"({self.record.get('highest_active')} with others'), billed "
            f"{self.record.get('billed', {}).get('records'):,}, "
            f"bought twice {self.record.get('duplicates', {}).get('count')}",
            f"calls { {route: sum(outcomes.values()) for route, outcomes in calls.items()} }",
            f"{'fault':34} {'times':>5} {'recovered after: median':>24} {'worst':>8}",
        ]
        for kind, times in sorted(self.injected.items()):
            took = self.recoveries.get(kind, [])
            seconds = f"{median(took):22.2f} s {max(took):6.2f} s" if took else ""
            shown.append(f"{kind:34} {times:5} {seconds}")
        shown += [f"VIOLATION {violation}" for violation in self.violations]
        shown.append(f"{sum(self.injected.values())} faults, {len(self.violations)} violations")
        return shown


def run(
    seed: int,
    seconds: float,
    *,
    daemons: int = 2,
    mean_pause: float = 1.5,
    per_second: float = 3.0,
    keep: bool = False,
) -> Report:
    """Run a seed; never raises for what it finds.

    mean_pause: seconds between two faults. per_second: requests. keep: keep the logs anyway.
    """
    report = Report(seed, seconds)
    events = schedule(seed, seconds, sorted(faults.FAULTS), mean_pause)
    ended: list[tuple[str, float]] = []
    with World(seed, daemons) as world:
        load, operator = Load(world.settings, seed, per_second), Operator(world.settings)
        load.start()
        operator.start()
        check.working(world.settings, daemons, timeout=60)
        threads = _inject(world, events, report, ended)
        for thread in threads:
            thread.join()
        faults.clear(world)
        load.stop()
        quiet = time.monotonic()
        check.drained(world.settings, PATIENCE)
        operator.stop()
        report.drained_after = time.monotonic() - quiet
        report.violations = list(check.violations(world, load.accepted))
        report.requests, report.identifiers = len(load.accepted), load.identifiers
        report.cancelled, report.repeated_calls = load.cancelled, load.refused
        report.record = world.sandbox.record()
        _look(world, report, ended)
        if report.violations or keep:
            _keep_logs(world, seed)
    return report


def _inject(
    world: World, events: list[Event], report: Report, ended: list[tuple[str, float]]
) -> list[threading.Thread]:
    began, threads = time.monotonic(), []

    def carry_out(event: Event) -> None:
        faults.apply(world, event.kind, event.seed)
        ended.append((event.kind, time.time()))

    for event in events:
        time.sleep(max(0.0, event.at - (time.monotonic() - began)))
        report.injected[event.kind] += 1
        thread = threading.Thread(target=carry_out, args=(event,))
        thread.start()
        threads.append(thread)
    return threads


def _look(world: World, report: Report, ended: list[tuple[str, float]]) -> None:
    schema = world.settings.database_schema
    with psycopg.connect(world.settings.postgres) as connection:
        for kind, at in ended:
            row = connection.execute(NEXT.format(schema=schema).encode(), [at]).fetchone()
            if row and row[0] is not None:
                report.recoveries[kind].append(float(row[0]) - at)
        pause = connection.execute(LONGEST_PAUSE.format(schema=schema).encode()).fetchone()
        report.longest_pause = float(pause[0] or 0) if pause else 0.0
        for name, query in COUNTS.items():
            found = connection.execute(query.format(schema=schema).encode()).fetchall()
            setattr(report, name, dict(found))


def _keep_logs(world: World, seed: int) -> None:
    """What a failed run leaves behind: the processes' logs, for whoever looks into it."""
    target = world.directory.parent / f"enrichd-chaos-seed-{seed}"
    target.mkdir(exist_ok=True)
    for log in world.directory.glob("*.log"):
        (target / log.name).write_bytes(log.read_bytes())
    (target / "record.json").write_text(json.dumps(world.sandbox.record(), indent=1))
    history = HISTORY.format(schema=world.settings.database_schema)
    with psycopg.connect(world.settings.postgres) as connection:
        rows = connection.execute(history.encode()).fetchall()
    (target / "history.txt").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    print(f"the logs are kept in {target}")
