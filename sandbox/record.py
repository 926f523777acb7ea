"""The sandbox's memory of what it was asked and what it billed, for tests to look at."""

from collections import Counter, defaultdict
from typing import Any

from sandbox.clock import iso
from sandbox.jobs import Job

_SHOWN = 20
_Lane = tuple[str, str, tuple[str, ...]]


class Record:
    """Calls, the most jobs ever active, records billed, and records billed more than once."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.accepted = 0
        self._highest_active = 0
        self._highest_active_own = 0
        self._records: Counter[bool] = Counter()
        self._credits: defaultdict[bool, float] = defaultdict(float)
        self._by_endpoint: Counter[str] = Counter()
        # Only the hashes of what was bought: a test may buy millions.
        self._bought: defaultdict[_Lane, set[int]] = defaultdict(set)
        self._duplicates = 0
        self._first_duplicates: list[dict[str, Any]] = []

    def call(self, route: str, outcome: str) -> None:
        """Count a call; the outcome is a status code, or for instance `reset_before`."""
        self._calls[route][outcome] += 1

    def accept(self, job: Job, active: list[Job]) -> None:
        """Count an accepted job; `active` are those in the cap from now on, itself included."""
        self.accepted += not job.foreign
        own = sum(not other.foreign for other in active)
        self._highest_active = max(self._highest_active, len(active))
        self._highest_active_own = max(self._highest_active_own, own)

    def bill(self, job: Job, price: float) -> float:
        """Bill what a job has delivered at its end; returns the credits that it cost."""
        if not job.ending.links:
            return 0.0
        records = job.fulfilled(job.ends)
        cost = job.identifiers.billed(job.delivered) * price
        self._records[job.foreign] += records
        self._credits[job.foreign] += cost
        if not job.foreign:
            self._by_endpoint[job.endpoint_name] += records
            self._note_duplicates(job)
        return cost

    def _note_duplicates(self, job: Job) -> None:
        bought = self._bought[job.endpoint_name, job.identifier_type, job.fields]
        worth = job.identifiers.worth or job.identifiers.resolved
        for value, paid in zip(job.identifiers.values()[: job.delivered], worth, strict=False):
            if not paid:
                continue
            key = job.endpoint.universe.key(job.identifier_type, value)
            if hash(key) not in bought:
                bought.add(hash(key))
                continue
            self._duplicates += 1
            if len(self._first_duplicates) < _SHOWN:
                self._first_duplicates.append(
                    {
                        "endpoint": job.endpoint_name,
                        "identifier_type": job.identifier_type,
                        "fields": job.fields,
                        "identifier": key,
                        "batch_id": job.batch_id,
                    }
                )

    def shown(self) -> dict[str, Any]:
        """The record as JSON; the jobs are added by the account."""
        return {
            "calls": {route: dict(outcomes) for route, outcomes in self._calls.items()},
            "submissions_accepted": self.accepted,
            "highest_active": self._highest_active,
            "highest_active_own": self._highest_active_own,
            "billed": {"records": self._records[False], "credits": self._credits[False]},
            "billed_foreign": {"records": self._records[True], "credits": self._credits[True]},
            "billed_by_endpoint": dict(self._by_endpoint),
            "duplicates": {"count": self._duplicates, "first": self._first_duplicates},
        }


def shown_job(job: Job, now: float) -> dict[str, Any]:
    """A job as the record shows it: what the vendor's own list keeps to itself included.

    Times are by the sandbox's clock, without the vendor's skew; `seconds` from acceptance to
    the end, null for a job that never ends.
    """
    return {
        "batch_id": job.batch_id,
        "endpoint": job.endpoint_name,
        "entity": job.entity,
        "action": job.action,
        "identifier_type": job.identifier_type,
        "fields": job.fields,
        "identifier_count": job.identifier_count,
        "chunk_size": job.chunk_size,
        "status": job.status(now),
        "foreign": job.foreign,
        "created_at": iso(job.created),
        "completed_at": None if job.active(now) else iso(job.ends),
        "seconds": None if job.fate.never_ends else job.ends - job.created,
        "fulfilled": job.fulfilled(now),
        "result_count": job.result_count(now),
        "links": job.ending.links,
        "error_message": job.ending.error_message,
    }
