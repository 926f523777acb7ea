"""Traced: what a step has done, as spans of the jobs and requests that it has moved.

A step's lines tell what it has moved; so no step knows of traces, and one that did nothing makes no
span. A job's trace has a span a step, and links to requests; a request's has one for each job that
has settled some of it, with a link to that; each ends with a span of the whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import Connection

from manager import logs
from manager.errors import EnrichdError
from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.logs import get_logger

if TYPE_CHECKING:
    from manager.steps.context import Context, Wake
    from manager.traces.tracer import Tracer

log = get_logger(__name__)

SQL = Statements("traced")
# Links of a span, and requests of a job that get a span for it.
LINKS = 32
PACKED = "job.packed"
MERGED = ("job.merged", "job.merged_again")
ENDED = (*MERGED, "job.failed", "job.rejected", "job.expired", "job.given_up")

Moment = tuple[int, str, Mapping[str, Any]]
"""What happened, and when, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class TracedJob:
    """A job, as its trace shows it."""

    id: UUID
    state: str
    created_at: datetime
    ended_at: datetime | None
    identifier_count: int
    batch_id: str | None
    attempts: int
    account: str
    endpoint: str
    identifier_type: str


@dataclass(frozen=True, slots=True)
class Served:
    """A request that a job serves."""

    id: UUID
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """A request, as its trace shows it."""

    id: UUID
    traceparent: str | None
    created_at: datetime
    finished_at: datetime | None
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    account: str
    endpoint: str
    identifier_type: str


@dataclass(slots=True)
class _Heard:
    """What a step has said: of jobs, of requests, and of neither."""

    jobs: dict[UUID, list[Moment]] = field(default_factory=dict)
    requests: dict[UUID, list[Moment]] = field(default_factory=dict)
    others: list[Moment] = field(default_factory=list)
    warned: set[UUID] = field(default_factory=set)

    def hear(self, level: int, event: logs.Event, own: UUID | None) -> None:
        """A line was said, within a step of the job `own`."""
        moment = (time.time_ns(), event.name, event.fields)
        fields = event.fields
        if request := _id(fields.get("request")):
            self.requests.setdefault(request, []).append(moment)
        elif job := _id(fields.get("job")) or own:
            self.jobs.setdefault(job, []).append(moment)
            if level >= logging.WARNING:
                self.warned.add(job)
        else:
            self.others.append(moment)

    def names(self, job: UUID) -> list[str]:
        """What happened to the job."""
        return [name for _, name, _ in self.jobs[job]]

    def moved(self) -> list[UUID]:
        """The jobs that something has happened to, but for calls."""
        return [job for job in self.jobs if any(it != "vendor.called" for it in self.names(job))]


def traced(context: Context, wake: Wake) -> AbstractContextManager[None]:
    """Make spans of what the step does within the block; nothing where traces are off."""
    tracer = context.tracer
    return nullcontext() if tracer is None else _traced(context, tracer, wake)


@contextmanager
def _traced(context: Context, tracer: Tracer, wake: Wake) -> Iterator[None]:
    heard, began = _Heard(), time.time_ns()
    try:
        with logs.listening(lambda level, event: heard.hear(level, event, wake.job_id)):
            yield
    finally:
        jobs = heard.moved()
        if jobs or heard.requests:
            try:
                with context.ledger.connect() as connection:
                    _Spans(tracer, connection, heard, wake.step, began).make(jobs)
            except (psycopg.Error, EnrichdError) as error:
                log.debug("trace.lost", error=error)


class _Spans:
    """The spans of one run of a step."""

    def __init__(
        self,
        tracer: Tracer,
        connection: Connection[Any],
        heard: _Heard,
        step: str,
        began: int,
    ) -> None:
        self._tracer = tracer
        self._connection = connection
        self._heard = heard
        self._step = step
        self._began = began
        self._now = time.time_ns()

    def make(self, jobs: list[UUID]) -> None:
        """Those of the jobs, then those of the requests."""
        for job in rows(self._connection, SQL.jobs, TracedJob, {"ids": jobs}):
            self._job(job)
        ids = list(self._heard.requests)
        for request in rows(self._connection, SQL.requests, TracedRequest, {"ids": ids}):
            self._request(request)

    def _job(self, job: TracedJob) -> None:
        names = self._heard.names(job.id)
        ended = any(name in ENDED for name in names)
        served = self._served(job.id) if ended or PACKED in names else []
        links = [self._tracer.request(it.id, it.traceparent) for it in served]
        place = self._tracer.job(job.id)
        what = asdict(job) | {"job": job.id, "id": None, "created_at": None, "ended_at": None}
        self._tracer.span(
            self._step,
            self._began,
            self._now,
            parent=place,
            links=links if PACKED in names else (),
            attributes=what,
            events=[*self._heard.jobs[job.id], *self._heard.others],
            failed=job.id in self._heard.warned,
        )
        if not ended:
            return
        until = job.ended_at or self._now
        failed = job.state != "merged"
        self._tracer.span(
            "job", job.created_at, until, itself=place, links=links, attributes=what, failed=failed
        )
        for it in served:
            self._tracer.span(
                "job",
                job.created_at,
                until,
                parent=self._tracer.request(it.id, it.traceparent),
                links=[place],
                attributes=what | {"request": it.id},
                failed=failed,
            )

    def _request(self, request: TracedRequest) -> None:
        from manager.traces.tracer import parent_of

        place = self._tracer.request(request.id, request.traceparent)
        what = asdict(request) | {"request": request.id}
        for name in ("id", "traceparent", "created_at", "finished_at"):
            what[name] = None
        moments = self._heard.requests[request.id]
        if any(name == "request.finished" for _, name, _ in moments):
            self._tracer.span(
                "request",
                request.created_at,
                request.finished_at or self._now,
                parent=parent_of(request.traceparent),
                itself=place,
                attributes=what,
                failed=request.failed > 0,
            )
        told = [it for it in moments if it[1].startswith("notice.")]
        for at, name, fields in told:
            took = float(fields.get("seconds") or 0)
            self._tracer.span(
                "tell",
                at - round(took * 1e9),
                at,
                parent=place,
                attributes=fields,
                failed=name == "notice.not_told",
            )

    def _served(self, job_id: UUID) -> list[Served]:
        parameters = {"job_id": job_id, "limit": LINKS}
        return rows(self._connection, SQL.served_by, Served, parameters)


def _id(value: object) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
