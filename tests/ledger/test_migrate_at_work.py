"""A ledger is migrated while the first release works on it, and the second takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from psycopg.rows import scalar_row

from manager import Manager, Settings
from manager.ledger import migrate
from manager.ledger.connect import connect
from sandbox import Sandbox
from tests.chaos.check import COUNTERS
from tests.ledger.first_release import CHECKOUT, Enqueue, FirstRelease, environment, unpack, up

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(180)]

CAP = 5
SIZE = 20
# of companies, too: the first release could read them
PROFILES: Final = "professional_network_profile_urls"
PACE = {
    "JOB_SIZE": str(SIZE),
    "LINGER": "0.1",
    "SWEEP_INTERVAL": "0.5",
    "BACKOFF_BASE": "0.2",
    "BACKOFF_MAX": "1",
    "SUBMIT_DEADLINE": "1",
    "VENDOR_CONNECT_TIMEOUT": "1",
    "VENDOR_READ_TIMEOUT": "2",
    "VENDOR_CALLS_PER_MINUTE": "1000",
    "RESOLVE_WINDOW": "4",
    "WORKER_CONCURRENCY": "1",
    "DRAIN_TIMEOUT": "3",
}
STATES = "SELECT DISTINCT state FROM job"
BEFORE = {"merged", "failed", "rejected", "completed", "submitting", "pending", "packed"}
STUCK = """
SELECT concat_ws(' ', id, state, why, error, due_at - now()) FROM job WHERE ended_at IS NULL
"""
LIVE = "SELECT count(*) FROM job WHERE ended_at IS NULL"
UNSETTLED = "SELECT count(*) FROM enrichment WHERE state IN ('pending', 'packed')"
MOVES = "SELECT count(*) FROM job_event WHERE by LIKE %s AND at > now() - interval '3 seconds'"
TRESPASSES = """
SELECT count(*) FROM job_event v JOIN job j ON j.id = v.job_id JOIN lane l ON l.id = j.lane_id
WHERE v.by LIKE 'enrichd %%' AND l.endpoint <> 'company/enrich'
"""
OUTCOMES = "SELECT outcome, count(*)::int FROM result GROUP BY outcome"


DAEMON = """
import pathlib, signal, sys, threading
from manager.run.processes import processes, run
from manager.settings import load_settings
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
settings = load_settings()
run(settings, processes(settings, pathlib.Path(sys.argv[1]), web=False), stop)
"""


class Ledger:
    """What a test asks of it."""

    def __init__(self, settings: Settings) -> None:
        self._connection = connect(settings, "looker")

    def all(self, query: str, *values: object) -> list[Any]:
        """The values of the query's only column."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()

    def until(self, happened: Callable[[], object], what: str, seconds: float = 40) -> None:
        """Wait for it."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, (what, self.all(STUCK))
            time.sleep(0.05)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        api_key="test-key", cap=50, calls_per_minute=6_000, unresolved_share=0, pending_seconds=0.1,
        processing_seconds=0.3, seconds_per_1000=0,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def pace(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """What the daemons of both releases are configured with."""
    return PACE | {
        "DATABASE_URL": settings.postgres,
        "REDIS_URL": settings.redis,
        "DATABASE_SCHEMA": settings.database_schema,
        "ACCOUNT": settings.account,
        "VENDOR_URL": sandbox.url,
        "VENDOR_API_KEY": sandbox.api_key,
    }


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    made = Ledger(settings)
    yield made
    made.close()


def domains(first: int, count: int) -> list[str]:
    return [f"company-{number:07}.example" for number in range(first, first + count)]


def people(count: int) -> list[str]:
    return [f"https://www.linkedin.com/in/person-{number:07}" for number in range(count)]


def test_nothing_is_lost_or_bought_twice(
    settings: Settings, sandbox: Sandbox, ledger: Ledger, pace: dict[str, str], tmp_path: Path
) -> None:
    code = unpack(tmp_path / "first")
    migrate.downgrade(settings, "0001")
    first = FirstRelease(
        code, pace | {"SPOOL_DIR": str(tmp_path / "spool"), "POLL_MIN": "0.3", "POLL_MAX": "1",
                      "RECONCILE_INTERVAL": "2"}
    )  # fmt: skip
    second = environment(
        CHECKOUT,
        pace | {"SPOOL_DIR": str(tmp_path / "spool-2"), "LOOK_MIN": "0.3", "LOOK_MAX": "2"},
    )
    manager = Manager(settings)
    requests: list[UUID] = []

    with first.daemon() as old, first.caller() as enqueue:
        live_jobs_of_every_state(enqueue, sandbox, ledger, requests)

        migrate.upgrade(settings)

        with up(second, tmp_path / "second.log", "-c", DAEMON, str(tmp_path / "run")):
            again = manager.enqueue("domains", domains(0, SIZE), idempotency_key="old")
            assert again.id == requests[0]
            ours = manager.enqueue("domains", domains(500, SIZE), idempotency_key="new")
            assert enqueue(domains(500, SIZE), idempotency_key="new") == ours.id
            persons = manager.enqueue(PROFILES, people(3 * SIZE), endpoint="person/enrich")
            requests += [ours.id, persons.id]
            ledger.until(lambda: ledger.all(MOVES, "enrichd:worker%") > [0], "the second works")
            sandbox.clear_faults()
            sandbox.set(processing_seconds=0.5)
            requests.append(manager.enqueue("domains", domains(600, 4 * SIZE)).id)
            requests.append(enqueue(domains(650, 4 * SIZE)))
            ledger.until(lambda: ledger.all(MOVES, "enrichd worker%") > [0], "the first, too")
            ledger.until(lambda: persons.progress().finished_at, "people are enriched")
            old.terminate()
            old.wait(timeout=15)
            requests.append(manager.enqueue("domains", domains(800, SIZE)).id)
            ledger.until(lambda: ledger.all(LIVE) == ledger.all(UNSETTLED) == [0], "all is done")

    assert set(ledger.all("SELECT id FROM request")) >= set(requests)
    assert ledger.all(COUNTERS) == []
    assert ledger.all(TRESPASSES) == [0]
    assert persons.progress().fulfilled == persons.progress().total
    record = sandbox.record()
    assert record["highest_active_own"] <= CAP
    known = set(ledger.all("SELECT batch_id FROM job WHERE batch_id IS NOT NULL"))
    assert {job["batch_id"] for job in record["jobs"] if job["fulfilled"]} <= known
    assert record["duplicates"]["count"] == 0


def live_jobs_of_every_state(
    enqueue: Enqueue, sandbox: Sandbox, ledger: Ledger, requests: list[UUID]
) -> None:
    """Jobs that the first release has left, or has at work, in every state that it knows."""
    requests.append(enqueue(domains(0, SIZE), idempotency_key="old"))
    ledger.until(lambda: "merged" in ledger.all(STATES), "a job is merged")
    sandbox.fault("submit", "fail_job")
    requests.append(enqueue(domains(20, SIZE)))
    ledger.until(lambda: "failed" in ledger.all(STATES), "a job has failed")
    requests.append(enqueue(domains(40, 1), fields=["no.such.field"]))
    ledger.until(lambda: "rejected" in ledger.all(STATES), "a job is rejected")
    sandbox.fault("download", "status", status=503, times=None)
    requests.append(enqueue(domains(60, SIZE)))
    ledger.until(lambda: "completed" in ledger.all(STATES), "a job waits to be merged")
    sandbox.set(pending_seconds=2, processing_seconds=3)
    sandbox.fault("submit", "reset_after")
    sandbox.fault("submit", "status", status=503)
    requests.append(enqueue(domains(100, 10 * SIZE)))
    ledger.until(lambda: set(ledger.all(STATES)) >= BEFORE, "there is a job of every state")
