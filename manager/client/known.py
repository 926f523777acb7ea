"""What the ledger knows of an identifier, and where it stands in each lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from manager.ledger.states import SETTLED, EnrichmentState, Outcome

if TYPE_CHECKING:
    from manager.client.history import HistoryEvent


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one identifier.

    `identifier` is what the caller wrote, `position` its place in the call, from 0. `outcome` is
    fulfilled with the newest `record`, else how it ended last, else None: it waits, or was never
    asked for. `why` says so in words; beside a record it says what has come since, or nothing.
    `fetched_at` is when that was, `age` how long ago by the ledger's clock. `waiting` is whether a
    purchase is under way. `account`, `endpoint` and `fields` are the lane that it comes from,
    `job_id` the job that bought it, or that it waits in.
    """

    position: int
    identifier: str
    identifier_type: str
    outcome: Outcome | None
    why: str | None
    waiting: bool = False
    vendor_id: int | None = None
    record: Any = None
    fetched_at: datetime | None = None
    age: timedelta | None = None
    account: str | None = None
    endpoint: str | None = None
    fields: tuple[str, ...] | None = None
    job_id: UUID | None = None
    history: tuple[HistoryEvent, ...] | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where identifiers were bought."""

    id: int
    account: str
    endpoint: str
    fields: list[str]

    def told(self) -> dict[str, Any]:
        """What a caller is told of it."""
        return {"account": self.account, "endpoint": self.endpoint, "fields": tuple(self.fields)}

    def covers(self, paths: Sequence[str]) -> bool:
        """Whether its selection has each of these; a group's name stands for what is below."""
        return all(
            any(path == it or path.startswith(f"{it}.") for it in self.fields) for path in paths
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How one key stands in one lane, and the newest record of it."""

    key: str
    enrichment_id: int
    lane_id: int
    state: str
    cycle: int
    attempts: int
    due_at: datetime
    settled_at: datetime | None
    reason: str | None
    job_id: UUID | None
    job_state: str | None
    record_cycle: int | None
    record_at: datetime | None
    record_job: UUID | None
    now: datetime

    def age(self, at: datetime | None) -> timedelta | None:
        """How long ago that was, by the ledger's clock."""
        return None if at is None else max(timedelta(0), self.now - at)

    @property
    def waiting(self) -> bool:
        """Whether it is being bought."""
        return self.state not in SETTLED

    def words(self) -> str:
        """How it stands, as an operator would say it."""
        match self.state:
            case EnrichmentState.PACKED:
                return f"waits in job {self.job_id} ({self.job_state})"
            case EnrichmentState.PENDING if self.reason:
                return f"waits for its next job, from {moment(self.due_at)}: {self.reason}"
            case EnrichmentState.PENDING:
                return "waits to be packed into a job"
            case EnrichmentState.FULFILLED if self.record_at is None:
                return f"fulfilled {moment(self.settled_at)}; the record is no longer in the ledger"
            case EnrichmentState.FAILED | EnrichmentState.CANCELLED:
                return f"{self.state} {moment(self.settled_at)}: {self.reason}"
            case _:
                return f"{self.state.replace('_', ' ')} {moment(self.settled_at)}"


def moment(at: datetime | None) -> str:
    """A time as a sentence has it."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
