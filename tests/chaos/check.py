"""The eight invariants, checked against the sandbox's own record and the ledger."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from redis import Redis

from manager import Settings
from manager.semaphore import Slots
from sandbox import companies
from tests.chaos.world import CAP, SANDBOX_SETTINGS, World, can_rename_host

COUNTERS = """
SELECT r.id FROM request r CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'fulfilled') AS fulfilled,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'not_found') AS not_found,
           count(*) FILTER (WHERE NOT i.cancelled AND t.outcome = 'failed') AS failed,
           count(*) FILTER (WHERE i.cancelled) AS cancelled
    FROM request_item i LEFT JOIN result t USING (enrichment_id, cycle)
    WHERE i.request_id = r.id
) counted
WHERE r.finished_at IS NULL OR r.total <> counted.total OR r.fulfilled <> counted.fulfilled
   OR r.not_found <> counted.not_found OR r.failed <> counted.failed
   OR r.cancelled <> counted.cancelled
"""
UNSETTLED = "SELECT count(*) FROM enrichment WHERE state IN ('pending', 'packed')"
LIVE = "SELECT id::text, state, why FROM job WHERE ended_at IS NULL"
RESULTS = """
SELECT l.identifier_type, e.key, t.outcome, t.record ->> 'crustdata_company_id' AS company_id
FROM result t JOIN enrichment e ON e.id = t.enrichment_id JOIN lane l ON l.id = e.lane_id
"""
# What failed although the vendor had delivered, and was asked for again, is paid for again.
BOUGHT_AGAIN = """
SELECT count(*) FROM result t JOIN job j ON j.id = t.job_id
WHERE t.outcome = 'failed' AND j.batch_id IS NOT NULL
  AND EXISTS (SELECT FROM result later
              WHERE later.enrichment_id = t.enrichment_id AND later.cycle > t.cycle)
"""
TEXTS = """
SELECT coalesce(why, '') || coalesce(error, '') FROM job
UNION ALL SELECT why || by FROM job_event
UNION ALL SELECT reason FROM result WHERE reason IS NOT NULL
UNION ALL SELECT paused_reason FROM account WHERE paused_reason IS NOT NULL
"""
_WEBHOOK_TOKEN = re.compile(r"/webhooks/[0-9a-f-]{36}/[A-Za-z0-9_-]{20,}")
_SIGNATURE = re.compile(r"signature=[0-9a-f]{16,}")


def waiting(settings: Settings) -> int:
    """How many enrichments are not settled."""
    with psycopg.connect(settings.postgres) as connection:
        return int(_one(connection, settings, UNSETTLED))


def working(settings: Settings, daemons: int, timeout: float) -> None:
    """Wait until jobs were moved by as many machines as there are daemons."""
    deadline = time.monotonic() + timeout
    machines = (
        "SELECT count(DISTINCT split_part(by, ':', 1)) FROM job_event WHERE by LIKE '%worker%'"
    )
    while time.monotonic() < deadline:
        with psycopg.connect(settings.postgres) as connection:
            if _one(connection, settings, machines) >= (daemons if can_rename_host() else 1):
                return
        time.sleep(0.1)


def swept(settings: Settings, timeout: float) -> None:
    """Wait for the end of a sweep that began after this call."""
    deadline = time.monotonic() + timeout
    clock = "SELECT clock_timestamp()"
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        called = _one(connection, settings, clock)
        while time.monotonic() < deadline:
            at = _one(connection, settings, "SELECT max(swept_at) FROM account")
            if at is not None and at > called:
                return
            time.sleep(0.05)
    raise TimeoutError(f"no sweep within {timeout:g} s")


def drained(settings: Settings, patience: float) -> bool:
    """Wait until nothing is left to do; False when that has not come nearer for `patience` s."""
    left, deadline = -1, time.monotonic() + patience
    while time.monotonic() < deadline:
        with psycopg.connect(settings.postgres) as connection:
            unsettled = _one(connection, settings, UNSETTLED)
            if not unsettled and not _all(connection, settings, LIVE):
                return True
        if unsettled != left:
            left, deadline = unsettled, time.monotonic() + patience
        time.sleep(0.2)
    return False


def violations(world: World, accepted: dict[UUID, int]) -> Iterator[str]:
    """Every way in which an invariant does not hold; none, it is hoped."""
    settings, record = world.settings, world.sandbox.record()
    with psycopg.connect(settings.postgres) as connection:
        yield from _nothing_is_lost(connection, settings, accepted)
        yield from _never_bought_twice(connection, settings, record)
        yield from _results_are_true(connection, settings)
        if wrong := _all(connection, settings, COUNTERS):
            yield f"6: {len(wrong)} requests have wrong counters, for example {wrong[0].id}"
        yield from _secrets_stay_secret(connection, world)
    if record["highest_active_own"] > CAP:
        yield f"2: {record['highest_active_own']} jobs of ours were active at once"
    yield from _semaphore_is_free(settings)


def _nothing_is_lost(
    connection: psycopg.Connection[Any], settings: Settings, accepted: dict[UUID, int]
) -> Iterator[str]:
    known = {
        row.id: row.total for row in _all(connection, settings, "SELECT id, total FROM request")
    }
    for request_id, total in accepted.items():
        if known.get(request_id) != total:
            yield f"1: request {request_id} of {total} is {known.get(request_id)} in the ledger"
    if left := _one(connection, settings, UNSETTLED):
        yield f"1, 8: {left} enrichments are not settled"
    for job in _all(connection, settings, LIVE):
        yield f"8: job {job.id} is still {job.state}: {job.why}"


def _never_bought_twice(
    connection: psycopg.Connection[Any], settings: Settings, record: dict[str, Any]
) -> Iterator[str]:
    known = {row.batch_id for row in _all(connection, settings, "SELECT batch_id FROM job")}
    for job in record["jobs"]:
        if job["foreign"] or job["batch_id"] in known or not job["fulfilled"]:
            continue
        yield f"3: the vendor delivered job {job['batch_id']}, which the ledger does not know"
    again = _one(connection, settings, BOUGHT_AGAIN)
    if record["duplicates"]["count"] > again:
        yield f"3: {record['duplicates']['count']} records were bought twice, {again} on purpose"


def _results_are_true(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[str]:
    """Each result is the sandbox's own: no identifier has another's record."""
    wrong = 0
    for row in _all(connection, settings, RESULTS):
        if row.outcome == "failed":
            continue
        company = companies.resolve(
            row.identifier_type, row.key, SANDBOX_SETTINGS["unresolved_share"]
        )
        expected = str(company.id) if company else None
        wrong += row.company_id != expected
    if wrong:
        yield f"4: {wrong} identifiers have not the record that is theirs"


def _semaphore_is_free(settings: Settings) -> Iterator[str]:
    """Invariant 5: what Redis holds follows the ledger, which has no active job any more."""
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        with Redis.from_url(settings.redis) as redis:
            held = Slots(redis, settings.account).holders()
        if not any(held.values()):
            return
        time.sleep(0.5)
    yield f"5: Redis still has holders: {held}"


def _secrets_stay_secret(connection: psycopg.Connection[Any], world: World) -> Iterator[str]:
    texts = {f"ledger {n}": row[0] for n, row in enumerate(_all(connection, world.settings, TEXTS))}
    for log in world.directory.glob("machine-*.log"):
        texts[log.name] = log.read_text(errors="replace")
    passwords = [url.split(":")[2].split("@")[0] for url in
                 (world.servers.database_url, world.servers.redis_url)]  # fmt: skip
    for where, text in texts.items():
        for secret in (world.api_key, *passwords):
            if secret in text:
                yield f"7: a secret is in {where}"
        if _WEBHOOK_TOKEN.search(text) or _SIGNATURE.search(text):
            yield f"7: a webhook's token or a link's signature is in {where}"


def _all(connection: psycopg.Connection[Any], settings: Settings, query: str) -> list[Any]:
    connection.execute(f"SET search_path TO {settings.database_schema}")
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def _one(connection: psycopg.Connection[Any], settings: Settings, query: str) -> Any:
    return _all(connection, settings, query)[0][0]
