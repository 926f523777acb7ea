"""What a list shows of one object of each kind: on the terminal, on the page, in an export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job."""

    job_id: UUID
    account: str
    endpoint: str
    type: str
    fields: list[str]
    lane: int
    state: str
    slot: int | None
    batch_id: str | None
    identifier_count: int
    result_count: int | None
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    why: str
    waits_for: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its counters. waits_for: the budget that keeps it from being bought."""

    request_id: UUID
    account: str
    endpoint: str
    type: str
    fields: list[str]
    lane: int
    priority: int
    total: int
    fulfilled: int
    not_found: int
    failed: int
    cancelled: int
    idempotency_key: str | None
    tag: str | None
    metadata: Any
    created_at: datetime
    finished_at: datetime | None
    cancelled_at: datetime | None
    waits_for: str | None

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        if self.finished_at is None:
            return "open"
        return "finished" if self.cancelled_at is None else "cancelled"


@dataclass(frozen=True, slots=True)
class EnrichmentRow:
    """One identifier in one lane. job_id: the job that it is in, or that its cycle ended in."""

    enrichment_id: int
    account: str
    endpoint: str
    type: str
    fields: list[str]
    lane: int
    identifier: str
    state: str
    cycle: int
    attempts: int
    priority: int
    due_at: datetime
    settled_at: datetime | None
    job_id: UUID | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class VendorJobRow:
    """A job as it was last seen on the vendor's list. began_at: by the vendor, else when it was
    seen first.
    """

    account: str
    batch_id: str
    whose: str
    job_id: UUID | None
    entity: str
    action: str
    status: str
    stage: str
    identifier_count: int | None
    result_count: int | None
    entities_fulfilled: int | None
    created_at: datetime | None
    completed_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    judged_at: datetime | None
    why: str | None
    began_at: datetime


@dataclass(frozen=True, slots=True)
class StrayRow:
    """An envelope that settled nothing: the line of a job's results, and why it is kept."""

    stray_id: int
    account: str
    endpoint: str
    type: str
    job_id: UUID
    batch_id: str | None
    line: int
    bytes: int
    kept_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A lane: how many enrichments wait to be packed, since when the first in line is due, its live
    jobs and what is in them. paused: what of it is paused, `lane`, `endpoint` or `account`.
    waits_for: the budget that keeps what waits from being bought.
    """

    lane_id: int
    account: str
    endpoint: str
    type: str
    fields: list[str]
    waiting: int
    oldest_at: datetime | None
    jobs: int
    in_jobs: int
    created_at: datetime
    paused: str | None
    reason: str | None
    waits_for: str | None


Row: TypeAlias = JobRow | RequestRow | EnrichmentRow | VendorJobRow | StrayRow | LaneRow
