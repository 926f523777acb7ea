"""Requests whose results are as a test wants them, without a vendor that would send such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from manager import Manager, Request, Settings
from manager.identifiers import IdentifierType

INTERNAL = 77

_JOB = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
SELECT gen_random_uuid(), account_id, id, 'packed', 'a test', 1 FROM lane
WHERE NOT EXISTS (SELECT FROM job WHERE job.lane_id = lane.id)
"""
_RESULT = """
INSERT INTO result (enrichment_id, cycle, outcome, internal_id, record, job_id)
SELECT e.id, e.cycle, 'fulfilled', %s, %s, job.id FROM enrichment e JOIN job USING (lane_id)
WHERE e.key = %s
"""
_SETTLED = """
UPDATE enrichment e SET state = 'packed', job_id = r.job_id
FROM result r WHERE r.enrichment_id = e.id AND e.state = 'pending';
UPDATE enrichment e SET state = r.outcome, job_id = NULL, settled_at = r.fetched_at
FROM result r WHERE r.enrichment_id = e.id AND e.state = 'packed';
"""


def settle(settings: Settings, records: Mapping[str, str]) -> None:
    """Write these records, JSON each, as a merge would."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute(_JOB)
        for key, record in records.items():
            connection.execute(_RESULT, [INTERNAL, record, key])
        connection.execute(_SETTLED)


def request_of(
    settings: Settings, records: Sequence[str], type: IdentifierType = "domains"
) -> Request:
    """A request of a company for each record, company-0.example and so on."""
    domains = [f"company-{number}.example" for number in range(len(records))]
    request = Manager(settings).enqueue(type, domains)
    settle(settings, dict(zip(domains, records, strict=True)))
    return request
