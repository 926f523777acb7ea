"""The invariants, checked against the sandbox's own record and the ledger."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from manager import Settings
from manager.steps.context import Context
from sandbox.endpoints import ENDPOINTS
from sandbox.fields import Plan
from tests.chaos.daemons import can_rename_host
from tests.chaos.vendors import UNRESOLVED_SHARE
from tests.chaos.world import CAP, World

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
SELECT l.endpoint, l.identifier_type, l.fields, e.key, t.record
FROM result t JOIN enrichment e ON e.id = t.enrichment_id JOIN lane l ON l.id = e.lane_id
WHERE t.outcome <> 'failed'
"""
BATCH_IDS = """
SELECT j.batch_id, a.name AS account FROM job j JOIN account a ON a.id = j.account_id
WHERE j.batch_id IS NOT NULL
"""
# What failed although the vendor had delivered, and was asked for again, is paid for again.
BOUGHT_AGAIN = """
SELECT count(*) FROM result t JOIN job j ON j.id = t.job_id JOIN account a ON a.id = j.account_id
WHERE t.outcome = 'failed' AND j.batch_id IS NOT NULL AND a.name = %s
  AND EXISTS (SELECT FROM result later
              WHERE later.enrichment_id = t.enrichment_id AND later.cycle > t.cycle)
"""
# What was counted as bought is what the ledger holds as bought, by account, endpoint and tag.
MISCOUNTED = """
SELECT * FROM (
    SELECT j.account_id, l.endpoint, coalesce(e.tag, '') AS tag, count(*) AS count
    FROM result t JOIN job j ON j.id = t.job_id JOIN lane l ON l.id = j.lane_id
    JOIN enrichment e ON e.id = t.enrichment_id AND e.cycle = t.cycle
    WHERE t.outcome = 'fulfilled' AND NOT EXISTS (
        SELECT FROM result o WHERE o.enrichment_id = t.enrichment_id AND o.cycle <> t.cycle)
    GROUP BY 1, 2, 3
) held FULL JOIN (
    SELECT account_id, endpoint, tag, sum(amount) AS counted FROM day_counter
    WHERE name = 'bought' GROUP BY 1, 2, 3
) days USING (account_id, endpoint, tag)
WHERE coalesce(held.count, 0) > coalesce(days.counted, 0)
"""
HELD_AND_COUNTED = """
SELECT (SELECT count(*) FROM result WHERE outcome = 'fulfilled') AS held,
       (SELECT coalesce(sum(amount), 0) FROM day_counter WHERE name = 'bought') AS counted,
       (SELECT coalesce(sum(amount), 0) FROM waiting_counter) AS waiting,
       (SELECT count(*) FROM enrichment WHERE state = 'pending') AS pending
"""
# Of endpoints that bill by record.
BOUGHT = """
SELECT coalesce(sum(d.amount), 0)::bigint FROM day_counter d JOIN account a ON a.id = d.account_id
WHERE d.name = 'bought' AND a.name = %s AND d.endpoint <> 'person/contact/enrich'
"""
# Delivered, and paid for, but not to be had, or not to be stored.
NOT_HAD = """
SELECT count(*) FROM result t JOIN job j ON j.id = t.job_id JOIN account a ON a.id = j.account_id
WHERE t.outcome = 'failed' AND j.batch_id IS NOT NULL AND a.name = %s
"""
TEXTS = """
SELECT coalesce(why, '') || coalesce(error, '') FROM job
UNION ALL SELECT why || by FROM job_event
UNION ALL SELECT reason FROM result WHERE reason IS NOT NULL
UNION ALL SELECT paused_reason FROM account WHERE paused_reason IS NOT NULL
UNION ALL SELECT coalesce(look_error, '') || coalesce(look_waits_for, '') FROM account
UNION ALL SELECT reason FROM endpoint_pause
UNION ALL SELECT judged_why FROM vendor_job WHERE judged_why IS NOT NULL
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
            at = _one(connection, settings, "SELECT min(swept_at) FROM account")
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
    settings = world.settings
    records = {account: it.control.record() for account, it in world.vendors.items()}
    with psycopg.connect(settings.postgres) as connection:
        yield from _nothing_is_lost(connection, settings, accepted)
        for account, record in records.items():
            yield from _never_bought_twice(connection, settings, account, record)
        yield from _results_are_true(connection, settings)
        if wrong := _all(connection, settings, COUNTERS):
            yield f"6: {len(wrong)} requests have wrong counters, for example {wrong[0].id}"
        yield from _spent_is_counted(connection, settings, records)
        yield from _secrets_stay_secret(connection, world)
    for account, record in records.items():
        if record["highest_active_own"] > CAP:
            yield f"2: {record['highest_active_own']} jobs of {account} were active at once"
        yield from _semaphore_is_free(settings, account)


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
    connection: psycopg.Connection[Any], settings: Settings, account: str, record: dict[str, Any]
) -> Iterator[str]:
    """Nor with another account's key, nor by taking another tool's job for ours."""
    known = {row.batch_id: row.account for row in _all(connection, settings, BATCH_IDS)}
    # what has no links is neither delivered nor billed
    own = {
        job["batch_id"]: job["fulfilled"] * job["links"]
        for job in record["jobs"]
        if not job["foreign"]
    }
    for job in record["jobs"]:
        whose = known.get(job["batch_id"])
        if whose not in (None, account):
            yield f"3: {whose}'s job {job['batch_id']} is at {account}'s vendor"
        if whose and job["foreign"]:
            yield f"3: {job['batch_id']} at {account}'s vendor is another tool's, not ours"
    for batch_id, fulfilled in own.items():
        if batch_id not in known and fulfilled:
            yield f"3: {account}'s vendor delivered job {batch_id}, which the ledger does not know"
    for batch_id, whose in known.items():
        if whose == account and batch_id not in {job["batch_id"] for job in record["jobs"]}:
            yield f"3: {account}'s vendor does not know the job {batch_id} of the ledger"
    again = _one(connection, settings, BOUGHT_AGAIN, account)
    if record["duplicates"]["count"] > again:
        yield (
            f"3: {account}: {record['duplicates']['count']} records were bought twice, "
            f"{again} on purpose"
        )


def _spent_is_counted(
    connection: psycopg.Connection[Any], settings: Settings, records: dict[str, Any]
) -> Iterator[str]:
    """What is counted by day and tag is what the ledger holds, and what the vendors have billed."""
    [sums] = _all(connection, settings, HELD_AND_COUNTED)
    if sums.held != sums.counted:
        yield f"9: {sums.held} records were bought, {sums.counted} were counted"
    if sums.waiting != sums.pending:
        yield f"9: {sums.pending} enrichments wait, {sums.waiting} are counted"
    for row in _all(connection, settings, MISCOUNTED):
        yield f"9: {row.count} records of {row.endpoint}, tag {row.tag!r}: counted {row.counted}"
    for account, record in records.items():
        by_endpoint = record["billed_by_endpoint"]
        billed = sum(by_endpoint.values()) - by_endpoint.get("person/contact/enrich", 0)
        bought = _one(connection, settings, BOUGHT, account)
        not_had = _one(connection, settings, NOT_HAD, account)
        if not billed - not_had <= bought <= billed:
            yield f"9: {account} was billed {billed} records, {bought} are counted, {not_had} lost"


def _results_are_true(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[str]:
    """Each result is the sandbox's own: no identifier has another's record."""
    wrong: list[str] = []
    plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
    for row in _all(connection, settings, RESULTS):
        endpoint, fields = ENDPOINTS[row.endpoint], tuple(row.fields)
        if (row.endpoint, fields) not in plans:
            plans[row.endpoint, fields] = endpoint.catalogue.plan(fields)
        subject = endpoint.universe.resolve(row.identifier_type, row.key, UNRESOLVED_SHARE)
        plan = plans[row.endpoint, fields]
        if row.record != (endpoint.catalogue.record(subject, plan) if subject else None):
            wrong.append(row.key)
    if wrong:
        yield f"4: {len(wrong)} identifiers have not the record that is theirs, as {wrong[0]}"


def _semaphore_is_free(settings: Settings, name: str) -> Iterator[str]:
    """Invariant 5: what Redis holds follows the ledger, which has no active job any more."""
    deadline = time.monotonic() + 45
    context = Context(settings, "chaos")
    try:
        while any((held := context.account(name).slots.holders()).values()):
            if time.monotonic() > deadline:
                yield f"5: Redis still has holders of {name}'s slots: {held}"
                return
            time.sleep(0.5)
    finally:
        context.close()


def _secrets_stay_secret(connection: psycopg.Connection[Any], world: World) -> Iterator[str]:
    texts = {f"ledger {n}": row[0] for n, row in enumerate(_all(connection, world.settings, TEXTS))}
    for log in world.directory.glob("machine-*.log"):
        texts[log.name] = log.read_text(errors="replace")
    for where, text in texts.items():
        for secret in world.secrets:
            if secret in text:
                yield f"7: a secret is in {where}"
        if _WEBHOOK_TOKEN.search(text) or _SIGNATURE.search(text):
            yield f"7: a webhook's token or a link's signature is in {where}"


def _all(
    connection: psycopg.Connection[Any], settings: Settings, query: str, *parameters: str
) -> list[Any]:
    connection.execute(f"SET search_path TO {settings.database_schema}")
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query.encode(), parameters or None).fetchall()


def _one(
    connection: psycopg.Connection[Any], settings: Settings, query: str, *parameters: str
) -> Any:
    return _all(connection, settings, query, *parameters)[0][0]
