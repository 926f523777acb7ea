"""The ledger's tables as SQLModel classes.

They say no schema: each connection's search_path does, so the ledger can live in any.
Alembic's migrations make the tables; a test holds the two against each other.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlalchemy.types import BigInteger, Boolean, Uuid
from sqlmodel import Field, SQLModel

from manager.ledger.states import ACTIVE, LIVE, EnrichmentState, JobState, sql_list


class LedgerModel(SQLModel, registry=registry()):
    """Base of the ledger's tables, with metadata of its own: a caller's SQLModel has other ones."""


COUNTED = "fulfilled + not_found + failed + cancelled"


def _text(nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable, **kwargs))


def _time(nullable: bool = True, **kwargs: Any) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable, **kwargs))


def _now() -> Any:
    return _time(nullable=False, server_default=text("now()"))


def _count(nullable: bool = False) -> Any:
    default = None if nullable else text("0")
    return Field(sa_column=Column(Integer, nullable=nullable, server_default=default))


def _small(default: int = 0) -> Any:
    return Field(sa_column=Column(SmallInteger, nullable=False, server_default=text(str(default))))


class Account(LedgerModel, table=True):
    """One vendor API key; the key itself is configuration, never a row."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("name", name="account_name_key"),
        CheckConstraint("(paused_at IS NULL) = (paused_reason IS NULL)", name="account_paused"),
    )
    id: int = Field(sa_column=Column(Integer, Identity(always=True), primary_key=True))
    name: str = _text()
    paused_reason: str | None = _text(nullable=True)
    paused_at: datetime | None = _time()
    foreign_active: int = _small()
    swept_at: datetime | None = _time()
    created_at: datetime = _now()


class Slot(LedgerModel, table=True):
    """One numbered permit of an account; as many rows as the account's cap.

    A job's slot must be one of them, so the schema itself refuses a job too many.
    """

    __tablename__ = "slot"
    __table_args__ = (CheckConstraint("number > 0", name="slot_number"),)
    account_id: int = Field(
        sa_column=Column(
            Integer,
            ForeignKey("account.id", name="slot_account"),
            primary_key=True,
            autoincrement=False,
        )
    )
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))


class Lane(LedgerModel, table=True):
    """What may share a job: account, endpoint, identifier type and field selection."""

    __tablename__ = "lane"
    __table_args__ = (
        UniqueConstraint("account_id", "endpoint", "identifier_type", "fields", name="lane_key"),
        CheckConstraint(
            "identifier_type IN ('crustdata_company_ids', 'domains', 'names', "
            "'professional_network_profile_urls')",
            name="lane_identifier_type",
        ),
    )
    id: int = Field(sa_column=Column(Integer, Identity(always=True), primary_key=True))
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", name="lane_account"), nullable=False)
    )
    endpoint: str = _text()
    identifier_type: str = _text()
    fields: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = _now()


class Request(LedgerModel, table=True):
    """One enqueue call: what a caller follows. Its counters count its items by outcome."""

    __tablename__ = "request"
    __table_args__ = (
        UniqueConstraint("idempotency_key", name="request_idempotency_key"),
        CheckConstraint(
            "total >= 0 AND fulfilled >= 0 AND not_found >= 0 AND failed >= 0 AND cancelled >= 0",
            name="request_counters",
        ),
        CheckConstraint(f"{COUNTED} <= total", name="request_total"),
        CheckConstraint(
            f"(finished_at IS NOT NULL) = ({COUNTED} = total)", name="request_finished"
        ),
        CheckConstraint(
            "cancelled_at IS NULL OR finished_at IS NOT NULL", name="request_cancelled"
        ),
        Index("request_open", "id", postgresql_where=text("finished_at IS NULL")),
    )
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="request_lane"), nullable=False)
    )
    priority: int = _small()
    idempotency_key: str | None = _text(nullable=True)
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    max_age: timedelta = Field(sa_column=Column(Interval, nullable=False))
    total: int = Field(sa_column=Column(Integer, nullable=False))
    fulfilled: int = _count()
    not_found: int = _count()
    failed: int = _count()
    cancelled: int = _count()
    details: dict[str, Any] | None = Field(sa_column=Column("metadata", JSONB, nullable=True))
    created_at: datetime = _now()
    finished_at: datetime | None = _time()
    cancelled_at: datetime | None = _time()


class Job(LedgerModel, table=True):
    """One batch job at the vendor: up to 10,000 enrichments of one lane.

    `why` says why the job is in its state; a trigger copies each move into job_event.
    """

    __tablename__ = "job"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "slot"], ["slot.account_id", "slot.number"], name="job_slot"
        ),
        UniqueConstraint("batch_id", name="job_batch_id_key"),
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
    )
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", name="job_account"), nullable=False)
    )
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="job_lane"), nullable=False)
    )
    state: str = _text()
    why: str = _text()
    slot: int | None = Field(sa_column=Column(SmallInteger, nullable=True))
    batch_id: str | None = _text(nullable=True)
    identifier_count: int = Field(sa_column=Column(Integer, nullable=False))
    attempts: int = _small()
    failures: int = _small()
    looks: int = _small()
    bad_files: int = _small()
    token_hash: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    webhook_at: datetime | None = _time()
    due_at: datetime = _now()
    entities_requested: int | None = _count(nullable=True)
    entities_fulfilled: int | None = _count(nullable=True)
    result_count: int | None = _count(nullable=True)
    created_at: datetime = _now()
    submitting_at: datetime | None = _time()
    accepted_at: datetime | None = _time()
    processing_at: datetime | None = _time()
    completed_at: datetime | None = _time()
    ended_at: datetime | None = _time()
    error: str | None = _text(nullable=True)


class Enrichment(LedgerModel, table=True):
    """One identifier in one lane, bought at most once per cycle however many requests want it.

    `rank` orders the packer's queue: the due time, less the head start its priority is worth.
    """

    __tablename__ = "enrichment"
    __table_args__ = (
        UniqueConstraint("lane_id", "key", name="enrichment_key"),
        CheckConstraint(f"state IN ({sql_list(EnrichmentState)})", name="enrichment_state"),
        CheckConstraint(
            "(state = 'packed') = (job_id IS NOT NULL)", name="enrichment_packed_has_job"
        ),
        CheckConstraint(
            "(state IN ('pending', 'packed')) = (settled_at IS NULL)", name="enrichment_settled"
        ),
        CheckConstraint("cycle > 0", name="enrichment_cycle"),
        Index("enrichment_pending", "lane_id", "rank", postgresql_where=text("state = 'pending'")),
        Index("enrichment_by_job", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "80"}},
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="enrichment_lane"), nullable=False)
    )
    job_id: UUID | None = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="enrichment_job"), nullable=True)
    )
    cycle: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("1")))
    attempts: int = _small()
    priority: int = _small()
    due_at: datetime = _now()
    rank: datetime = _now()
    settled_at: datetime | None = _time()
    state: str = _text()
    key: str = Field(sa_column=Column(Text(collation="C"), nullable=False))
    identifier: str = _text()
    reason: str | None = _text(nullable=True)


class RequestItem(LedgerModel, table=True):
    """One identifier of a request, as the caller wrote it, and the cycle that satisfies it."""

    __tablename__ = "request_item"
    __table_args__ = (Index("request_item_by_enrichment", "enrichment_id", "cycle"),)
    request_id: UUID = Field(
        sa_column=Column(
            Uuid, ForeignKey("request.id", name="request_item_request"), primary_key=True
        )
    )
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    cycle: int = Field(sa_column=Column(Integer, nullable=False))
    enrichment_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("enrichment.id", name="request_item_enrichment"), nullable=False
        )
    )
    cancelled: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    value: str = _text()


class Result(LedgerModel, table=True):
    """How one cycle of an enrichment ended. Its key makes a second end impossible."""

    __tablename__ = "result"
    __table_args__ = (
        CheckConstraint("outcome IN ('failed', 'fulfilled', 'not_found')", name="result_outcome"),
        CheckConstraint(
            "(outcome = 'fulfilled') = (record IS NOT NULL)", name="result_fulfilled_has_record"
        ),
        CheckConstraint(
            "(outcome = 'failed') = (reason IS NOT NULL)", name="result_failed_has_reason"
        ),
        Index("result_by_job", "job_id"),
    )
    enrichment_id: int = Field(
        sa_column=Column(
            BigInteger,
            ForeignKey("enrichment.id", name="result_enrichment"),
            primary_key=True,
            autoincrement=False,
        )
    )
    cycle: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    outcome: str = _text()
    internal_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    record: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    reason: str | None = _text(nullable=True)
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="result_job"), nullable=False)
    )
    fetched_at: datetime = _now()


class Stray(LedgerModel, table=True):
    """An envelope that settles nothing: unknown, repeated or unreadable. Kept for the operator."""

    __tablename__ = "stray"
    __table_args__ = (Index("stray_by_job", "job_id"),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="stray_job"), nullable=False)
    )
    line: int = Field(sa_column=Column(Integer, nullable=False))
    reason: str = _text()
    envelope: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kept_at: datetime = _now()


class JobEvent(LedgerModel, table=True):
    """The append-only history of every job: when, from, to, why, by which process."""

    __tablename__ = "job_event"
    __table_args__ = (Index("job_event_by_job", "job_id", "id"),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="job_event_job"), nullable=False)
    )
    at: datetime = _time(nullable=False, server_default=text("clock_timestamp()"))
    from_state: str | None = _text(nullable=True)
    to_state: str = _text()
    why: str = _text()
    by: str = _text()
