"""The one account that the sandbox keeps: its jobs, its cap and its credits.

Everything that happens to it is an event, applied the same way whether it happens now or is
read back from the journal.
"""

import contextlib
import secrets
import uuid
from typing import Any

from sandbox.clock import Clock
from sandbox.jobs import Fate, Identifiers, Job
from sandbox.journal import (
    Accepted,
    Advanced,
    Called,
    CreditsSet,
    Ended,
    Event,
    Journal,
    Opened,
    Stopped,
)
from sandbox.neighbour import Neighbour, identifiers_of, submission_like
from sandbox.record import Record, shown_job
from sandbox.rules import Refusal, Submission
from sandbox.settings import Settings


class Account:
    """Accepts jobs and ends them when their time has come; knows no HTTP."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self._initial_settings = settings
        self._journal = journal
        self.clock = Clock()
        self._neighbour = Neighbour()
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
        self._neighbour.begin(self.settings, self.clock.now())

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
        if changes.keys() & {"foreign_every_seconds", "seed"}:
            self._neighbour.begin(self.settings, self.clock.now())
        self.clock.nudge()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._happen(Advanced(seconds))

    def called(self, route: str, outcome: str) -> None:
        """Count a call of a route."""
        self._happen(Called(route, outcome))

    def accept(self, submission: Submission, identifiers: Identifiers, fate: Fate = Fate()) -> Job:
        """Accept a job, or refuse it with 402 or 429; `settle` first."""
        self.check_capacity(submission)
        pending, processing = self.settings.durations(len(identifiers), self.record.accepted)
        now = self.clock.now()
        job = self._job(
            submission,
            identifiers,
            created=now,
            starts=now + pending * fate.factor,
            ends=now + (pending + processing) * fate.factor,
            webhook_url=submission.webhook_url,
            fate=fate,
        )
        self._happen(Accepted(job))
        return job

    def accept_foreign(
        self,
        submission: Submission,
        seconds: float,
        *,
        now: float,
        entity: str | None = None,
        action: str | None = None,
        in_cap: bool = True,
    ) -> Job:
        """A job that another tool submitted with the same key; it is processing at once."""
        if in_cap:
            self._check_cap()
        job = self._job(
            submission,
            identifiers_of(submission, self.settings.unresolved_share),
            created=now,
            starts=now,
            ends=now + seconds,
            foreign=True,
            in_cap=in_cap,
        )
        job.entity, job.action = entity or job.entity, action or job.action
        self._happen(Accepted(job))
        return job

    def _job(self, submission: Submission, identifiers: Identifiers, **more: Any) -> Job:
        return Job(
            batch_id=str(uuid.uuid4()),
            endpoint_name=submission.endpoint.name,
            entity=submission.endpoint.entity,
            action=submission.endpoint.action,
            identifier_type=submission.identifier_type,
            identifiers=identifiers,
            fields=submission.fields,
            chunk_size=submission.chunk_size,
            part_lines=self.settings.part_lines,
            skew=self.settings.clock_skew_seconds,
            **more,
        )

    def check_capacity(self, submission: Submission) -> None:
        """Refuse with 402 without credits for the worst case, with 429 at the cap [seed].

        How the vendor reckons "no credits left" is [unknown]; here a job must be covered
        even if all its identifiers resolve, on top of what active jobs may still cost.
        """
        self._check_cap()
        if self.credits_left is None:
            return
        needed = sum(
            count * endpoint.most_worth(fields) * self.settings.price_of(endpoint.name)
            for count, endpoint, fields in (
                (len(submission.identifiers), submission.endpoint, submission.fields),
                *(
                    (job.identifier_count, job.endpoint, job.fields)
                    for job in self._active.values()
                ),
            )
        )
        if needed > self.credits_left:
            raise Refusal(
                402,
                "insufficient_credits",
                "Not enough credits for this job.",
                {"credits_required": needed, "credits_left": self.credits_left},
            )

    def _check_cap(self) -> None:
        active = len(self._in_cap())
        if active >= self.settings.cap:
            raise Refusal(
                429,
                "too_many_active_jobs",
                f"The account has {active} active batch jobs; "
                f"at most {self.settings.cap} are allowed.",
                {"active_jobs": active, "limit": self.settings.cap},
            )

    def _in_cap(self) -> list[Job]:
        return [job for job in self._active.values() if job.in_cap]

    def stop(self, batch_id: str) -> Job:
        """End an active job now, one that never ends too; 404 or 400 if there is none."""
        job = self.jobs.get(batch_id)
        if job is None:
            raise Refusal(404, "not_found", "No such batch job.")
        if batch_id not in self._active:
            raise Refusal(400, "invalid_request", f"Job {batch_id} has ended already.")
        self._happen(Stopped(batch_id, self.clock.now()))
        return job

    def settle(self) -> list[Job]:
        """End and bill the jobs whose time has come; returns them, oldest end first.

        What the other tool on the account was to start by now is started at its own time.
        """
        now = self.clock.now()
        ended: list[Job] = []
        self._neighbour.catch_up(now)
        while self._neighbour.due <= now:
            moment = self._neighbour.due
            ended += self._end_until(moment)
            self._neighbour_submits(moment)
        return ended + self._end_until(now)

    def _end_until(self, moment: float) -> list[Job]:
        ended = [job for job in self._active.values() if not job.active(moment)]
        ended.sort(key=lambda job: job.ends)
        for job in ended:
            self._happen(Ended(job.batch_id, self.settings.price_of(job.endpoint_name)))
        return ended

    def _neighbour_submits(self, now: float) -> None:
        """Start the other tool's job; refused at the cap, it comes again with its next."""
        seconds = self._neighbour.seconds(self.settings)
        last = next((job for job in reversed(self.jobs.values()) if not job.foreign), None)
        size = self.settings.foreign_size
        submission = submission_like(last, None if size == "last" else size)
        if submission is None:
            return
        with contextlib.suppress(Refusal):
            self.accept_foreign(submission, seconds, now=now, in_cap=self.settings.foreign_in_cap)

    def next_event(self) -> float:
        """When the next job ends or the other tool starts one; infinity if neither will."""
        ends = (job.ends for job in self._active.values() if not job.fate.never_ends)
        return min((*ends, self._neighbour.due))

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
                self.record.accept(job, self._in_cap())
                self.clock.nudge()
            case Stopped(batch_id, moment):
                self._active[batch_id].end(moment)
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
