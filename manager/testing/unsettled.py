"""What has no outcome yet, and what it waits for."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

WAITING = """
SELECT EXISTS (SELECT FROM enrichment WHERE state IN ('pending', 'packed'))
    OR EXISTS (SELECT FROM job WHERE ended_at IS NULL)
"""
# Only what is paused is left, and nobody resumes it.
STUCK = """
SELECT NOT EXISTS (SELECT FROM job WHERE ended_at IS NULL AND state <> 'packed')
   AND NOT EXISTS (
       SELECT FROM enrichment e
       JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
       LEFT JOIN endpoint_pause p ON p.account_id = a.id AND p.endpoint = l.endpoint
       WHERE e.state IN ('pending', 'packed') AND a.paused_at IS NULL AND l.paused_at IS NULL
         AND p.endpoint IS NULL)
"""
PAUSED = """
SELECT 'account ' || name || ' is paused: ' || paused_reason
FROM account WHERE paused_at IS NOT NULL
UNION ALL
SELECT p.endpoint || ' is paused on account ' || a.name || ': ' || p.reason
FROM endpoint_pause p JOIN account a ON a.id = p.account_id
UNION ALL
SELECT concat('lane ', l.id, ' (', l.endpoint, ', ', l.identifier_type, ') is paused on account ',
              a.name, ': ', l.paused_reason)
FROM lane l JOIN account a ON a.id = l.account_id WHERE l.paused_at IS NOT NULL
"""
JOBS = """
SELECT concat(
    'job ', j.id, ' of ', j.identifier_count, ' ', l.identifier_type, ' is ', j.state,
    ' (', j.why, ')', ', at the vendor as ' || j.batch_id, ', waits for ' || j.waits_for,
    ', last error: ' || j.error)
FROM job j JOIN lane l ON l.id = j.lane_id WHERE j.ended_at IS NULL ORDER BY j.id LIMIT 20
"""
PENDING = """
SELECT concat(
    count(*), ' ', l.identifier_type, ' of account ', a.name, ' wait to be in a job, such as ',
    min(e.identifier), ': ' || min(e.reason))
FROM enrichment e JOIN lane l ON l.id = e.lane_id JOIN account a ON a.id = l.account_id
WHERE e.state = 'pending' GROUP BY l.id, a.name ORDER BY l.id LIMIT 20
"""


class UnsettledError(AssertionError):
    """Something cannot settle; the message says what, and what it waits for."""


def waiting(ledger: Connection[Any]) -> bool:
    """Whether anything has no outcome, or no end, yet."""
    return _first(ledger, WAITING)


def is_stuck(ledger: Connection[Any]) -> bool:
    """Whether no time that passes will change anything."""
    return _first(ledger, STUCK)


def unsettled(ledger: Connection[Any], passed: float) -> UnsettledError:
    """The error after so many seconds of the clock that was moved."""
    told = [line for query in (PAUSED, JOBS, PENDING) for (line,) in ledger.execute(query)]
    return UnsettledError(
        f"This does not settle; the clock was moved by {passed / 3600:.1f} hours:\n  "
        + "\n  ".join(told)
    )


def _first(ledger: Connection[Any], query: str) -> bool:
    [row] = ledger.execute(query.encode())
    return bool(row[0])
