"""Our batch jobs, and their history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, Numeric, Uuid
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    count_column,
    now_column,
    small_column,
    storage,
    text_column,
    time_column,
)
from manager.ledger.states import ACTIVE, IN_VAIN, LIVE, JobState, sql_list


class Job(LedgerModel, table=True):
    """One batch job at the vendor: up to 10,000 enrichments of one lane.

    `why` says why the job is in its state; a trigger copies each move into job_event.
    `forgotten_at`: something that its results hold was forgotten, so that no file of them is kept.
    `price`: credits a record, when it was packed; `capacity`: how many it could have held; `tags`:
    how many enrichments of each tag it was packed with.
    """

    __tablename__ = "job"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "slot"], ["slot.account_id", "slot.number"], name="job_slot"
        ),
        UniqueConstraint("account_id", "batch_id", name="job_batch_id_key"),
        CheckConstraint(f"state IN ({sql_list(JobState)})", name="job_state"),
        CheckConstraint(
            f"(state IN ({sql_list(ACTIVE)})) = (slot IS NOT NULL)", name="job_active_has_slot"
        ),
        CheckConstraint(
            "CASE WHEN state IN ('packed', 'submitting', 'rejected', 'cancelled') "
            "THEN batch_id IS NULL ELSE batch_id IS NOT NULL END",
            name="job_accepted_has_batch_id",
        ),
        CheckConstraint("identifier_count BETWEEN 1 AND 10000", name="job_size"),
        CheckConstraint(
            "state <> 'submitting' OR submitting_at IS NOT NULL", name="job_submitting_has_time"
        ),
        CheckConstraint(
            f"(ended_at IS NULL) = (state IN ({sql_list(LIVE)}))",
            name="job_ended",
        ),
        Index(
            "job_one_per_slot",
            "account_id",
            "slot",
            unique=True,
            postgresql_where=text(f"state IN ({sql_list(ACTIVE)})"),
        ),
        # two submissions of one size could not be told apart if both answers were lost
        Index(
            "job_one_submission_per_size",
            "account_id",
            "identifier_count",
            unique=True,
            postgresql_where=text("state = 'submitting'"),
        ),
        Index(
            "job_due", "account_id", "state", "due_at", postgresql_where=text("ended_at IS NULL")
        ),
        Index("job_by_lane", "lane_id", "completed_at"),
        # what a sweep and a look ask each second, however long the history is
        Index(
            "job_live",
            "account_id",
            "state",
            "due_at",
            postgresql_where=text(f"state IN ({sql_list(LIVE)})"),
        ),
        Index(
            "job_given_up",
            "account_id",
            "due_at",
            postgresql_where=text("given_up_at IS NOT NULL"),
        ),
        Index(
            "job_accepted",
            "account_id",
            "accepted_at",
            postgresql_where=text("accepted_at IS NOT NULL"),
        ),
        Index(
            "job_completed",
            "account_id",
            "completed_at",
            postgresql_where=text("completed_at IS NOT NULL"),
        ),
        Index(
            "job_by_end", "account_id", "ended_at", postgresql_where=text("ended_at IS NOT NULL")
        ),
        Index("job_by_account", "account_id", "id"),
        # lists: those of a time, the last that ended, and the few that brought nothing
        Index("job_created", "created_at"),
        Index("job_ended_last", text("coalesce(ended_at, 'infinity')"), "id"),
        Index("job_in_vain", "id", postgresql_where=text(f"state IN ({sql_list(IN_VAIN)})")),
        # small, and each of its rows is updated some eight times within minutes
        storage(fillfactor=70, vacuum_scale_factor=0.05, analyze_scale_factor=0.05),
    )
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", name="job_account"), nullable=False)
    )
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="job_lane"), nullable=False)
    )
    state: str = text_column()
    why: str = text_column()
    waits_for: str | None = text_column(nullable=True)
    slot: int | None = Field(sa_column=Column(SmallInteger, nullable=True))
    batch_id: str | None = text_column(nullable=True)
    vendor_status: str | None = text_column(nullable=True)
    identifier_count: int = Field(sa_column=Column(Integer, nullable=False))
    attempts: int = small_column()
    failures: int = small_column()
    looks: int = small_column()
    bad_files: int = small_column()
    token_hash: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    webhook_at: datetime | None = time_column()
    due_at: datetime = now_column()
    entities_requested: int | None = count_column(nullable=True)
    entities_fulfilled: int | None = count_column(nullable=True)
    result_count: int | None = count_column(nullable=True)
    created_at: datetime = now_column()
    submitting_at: datetime | None = time_column()
    unresolved_at: datetime | None = time_column()
    unresolved_looks: int = small_column()
    listed_by: datetime | None = time_column()
    accepted_at: datetime | None = time_column()
    processing_at: datetime | None = time_column()
    completed_at: datetime | None = time_column()
    given_up_at: datetime | None = time_column()
    ended_at: datetime | None = time_column()
    forgotten_at: datetime | None = time_column()
    error: str | None = text_column(nullable=True)
    price: Decimal | None = Field(sa_column=Column(Numeric, nullable=True))
    capacity: int | None = count_column(nullable=True)
    tags: dict[str, int] | None = Field(sa_column=Column(JSONB, nullable=True))


class JobEvent(LedgerModel, table=True):
    """The append-only history of every job: when, from, to, why, by which process."""

    __tablename__ = "job_event"
    __table_args__ = (Index("job_event_by_job", "job_id", "id"),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="job_event_job"), nullable=False)
    )
    at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    from_state: str | None = text_column(nullable=True)
    to_state: str = text_column()
    why: str = text_column()
    by: str = text_column()
