"""The one account that the sandbox keeps: its jobs, its cap and its credits.

Everything that happens to it is an event, applied the same way whether it happens now or is
read back from the journal.
"""

import math
import secrets
import uuid
from typing import Any

from sandbox import companies
from sandbox.clock import Clock
from sandbox.jobs import Flaw, Identifiers, Job
from sandbox.journal import (
    Accepted,
    Advanced,
    Called,
    CreditsSet,
    Ended,
    Event,
    Journal,
    Opened,
)
from sandbox.record import Record, shown_job
from sandbox.rules import MAX_IDENTIFIERS, Refusal, Submission
from sandbox.settings import Settings


class Account:
    """Accepts jobs and ends them when their time has come; knows no HTTP."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self._initial_settings = settings
        self._journal = journal
        self.clock = Clock()
        self._begin()

    def _begin(self) -> None:
        self.clock.reset()
        self.jobs: dict[str, Job] = {}
        self._active: dict[str, Job] = {}
        self.record = Record()
        self.credits_left: float | None = None
        self.secret = ""
        for event in self._journal.replay():
            self._apply(event)
        if not self.secret:
            self._happen(Opened(secrets.token_hex(16)))
            self._happen(CreditsSet(self.settings.credits))
        self.clock.freeze(self.settings.frozen)

    def reset(self) -> None:
        """Forget every job and call, and go back to the settings and the time of the start."""
        self.settings = self._initial_settings
        self._journal.clear()
        self._begin()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Set some settings; an unknown or bad one is a `ValueError` and changes nothing."""
        self.settings = self.settings.changed(changes)
        if "credits" in changes:
            self._happen(CreditsSet(self.settings.credits))
        self.clock.freeze(self.settings.frozen)
        self.clock.nudge()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._happen(Advanced(seconds))

    def called(self, route: str, outcome: str) -> None:
        """Count a call of a route."""
        self._happen(Called(route, outcome))

    def accept(
        self,
        submission: Submission,
        identifiers: Identifiers,
        *,
        error_message: str | None = None,
        factor: float = 1.0,
        flaws: list[Flaw],
    ) -> Job:
        """Accept a job, or refuse it with 402 or 429; `settle` first."""
        self.check_capacity(len(identifiers.resolved))
        pending, processing = self.settings.durations(len(identifiers.resolved))
        now = self.clock.now()
        job = Job(
            batch_id=str(uuid.uuid4()),
            identifier_type=submission.identifier_type,
            identifiers=identifiers,
            fields=submission.fields,
            chunk_size=submission.chunk_size,
            part_lines=self.settings.part_lines,
            created=now,
            starts=now + pending * factor,
            ends=now + (pending + processing) * factor,
            webhook_url=submission.webhook_url,
            error_message=error_message,
            flaws=flaws,
        )
        self._happen(Accepted(job))
        return job

    def accept_foreign(
        self, submission: Submission, seconds: float, *, entity: str, action: str
    ) -> Job:
        """A job that another tool submitted with the same key; it is processing at once."""
        self._check_cap()
        now = self.clock.now()
        job = Job(
            batch_id=str(uuid.uuid4()),
            identifier_type=submission.identifier_type,
            identifiers=self.identifiers(submission),
            fields=submission.fields,
            chunk_size=submission.chunk_size,
            part_lines=self.settings.part_lines,
            created=now,
            starts=now,
            ends=now + seconds,
            foreign=True,
            entity=entity,
            action=action,
        )
        self._happen(Accepted(job))
        return job

    def identifiers(self, submission: Submission) -> Identifiers:
        """The submission's identifiers, looked up; safe to call in a thread."""
        return Identifiers.pack(
            submission.identifier_type, submission.identifiers, self.settings.unresolved_share
        )

    def check_capacity(self, identifier_count: int) -> None:
        """Refuse with 402 without credits for the worst case, with 429 at the cap [seed].

        How the vendor reckons "no credits left" is [unknown]; here a job must be covered
        even if all its identifiers resolve, on top of what active jobs may still cost.
        """
        self._check_cap()
        if self.credits_left is None:
            return
        waiting = sum(job.identifier_count for job in self._active.values())
        needed = (waiting + identifier_count) * self.settings.price
        if needed > self.credits_left:
            raise Refusal(
                402,
                "insufficient_credits",
                "Not enough credits for this job.",
                {"credits_required": needed, "credits_left": self.credits_left},
            )

    def _check_cap(self) -> None:
        if len(self._active) >= self.settings.cap:
            raise Refusal(
                429,
                "too_many_active_jobs",
                f"The account has {len(self._active)} active batch jobs; "
                f"at most {self.settings.cap} are allowed.",
                {"active_jobs": len(self._active), "limit": self.settings.cap},
            )

    def settle(self) -> list[Job]:
        """End and bill the jobs whose time has come; returns them, oldest end first."""
        now = self.clock.now()
        ended = [job for job in self._active.values() if not job.active(now)]
        ended.sort(key=lambda job: job.ends)
        for job in ended:
            self._happen(Ended(job.batch_id, self.settings.price))
        return ended

    def next_end(self) -> float:
        """When the next job ends; infinity if none is active."""
        return min((job.ends for job in self._active.values()), default=math.inf)

    def listed(self) -> list[Job]:
        """The jobs that the list shows by now, newest first."""
        newest = self.clock.now() - self.settings.list_lag_seconds
        return [job for job in reversed(self.jobs.values()) if job.created <= newest]

    def shown(self) -> dict[str, Any]:
        """The record, with the jobs and the credits left."""
        now = self.clock.now()
        return {
            **self.record.shown(),
            "credits_left": self.credits_left,
            "jobs": [shown_job(job, now) for job in self.jobs.values()],
        }

    def _happen(self, event: Event) -> None:
        self._journal.append(event)
        self._apply(event)

    def _apply(self, event: Event) -> None:
        match event:
            case Opened(secret):
                self.secret = secret
            case Accepted(job):
                self.jobs[job.batch_id] = self._active[job.batch_id] = job
                self.record.accept(job, list(self._active.values()))
                self.clock.nudge()
            case Ended(batch_id, price):
                cost = self.record.bill(self._active.pop(batch_id), price)
                if self.credits_left is not None:
                    self.credits_left -= cost
            case Called(route, outcome):
                self.record.call(route, outcome)
            case CreditsSet(amount):
                self.credits_left = amount
            case Advanced(seconds):
                self.clock.advance(seconds)


def foreign_identifiers(identifier_type: companies.IdentifierType, count: int) -> list[Any]:
    """Identifiers for a foreign job of which only the size matters: the last fictional ones."""
    if not 1 <= count <= MAX_IDENTIFIERS:
        raise ValueError(f"identifier_count is {count}; a job takes 1 to {MAX_IDENTIFIERS}")
    first = companies.FICTIONAL - count
    return [companies.fictional(first + i).identifier(identifier_type) for i in range(count)]
