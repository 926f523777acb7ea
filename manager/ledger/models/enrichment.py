"""What is bought, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, Boolean, Uuid
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    now_column,
    small_column,
    storage,
    text_column,
    time_column,
)
from manager.ledger.states import EnrichmentState, sql_list


class Enrichment(LedgerModel, table=True):
    """One identifier in one lane, bought at most once per cycle however many requests want it.

    `rank` orders the packer's queue: the due time, less the head start its priority is worth;
    infinity while it waits for a budget. `cause`: the request that has begun the cycle, and pays
    for it; `tag`: that request's. `lingers`: its job may wait until it is full.
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
        # few, and what an operator looks for
        Index("enrichment_failed", "settled_at", "id", postgresql_where=text("state = 'failed'")),
        Index("enrichment_by_job", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        # each purchase updates a row twice, and each time in another index: old entries at the
        # front of the packer's queue are what makes it slow
        storage(
            fillfactor=80,
            vacuum_scale_factor=0.02,
            vacuum_insert_scale_factor=0.05,
            analyze_scale_factor=0.02,
            vacuum_cost_limit=1000,
        ),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="enrichment_lane"), nullable=False)
    )
    job_id: UUID | None = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="enrichment_job"), nullable=True)
    )
    cycle: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("1")))
    attempts: int = small_column()
    priority: int = small_column()
    due_at: datetime = now_column()
    rank: datetime = now_column()
    settled_at: datetime | None = time_column()
    state: str = text_column()
    key: str = Field(sa_column=Column(Text(collation="C"), nullable=False))
    identifier: str = text_column()
    reason: str | None = text_column(nullable=True)
    cause: UUID | None = Field(sa_column=Column(Uuid, nullable=True))
    tag: str | None = text_column(nullable=True)
    lingers: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("true")))


class Result(LedgerModel, table=True):
    """How one cycle of an enrichment ended. Its key makes a second end impossible.

    What an operator has let be forgotten (`forgotten_at`) keeps its outcome, and nothing else.
    """

    __tablename__ = "result"
    __table_args__ = (
        CheckConstraint("outcome IN ('failed', 'fulfilled', 'not_found')", name="result_outcome"),
        CheckConstraint(
            "forgotten_at IS NOT NULL OR ((outcome = 'fulfilled') = (record IS NOT NULL) "
            "AND (outcome = 'failed') = (reason IS NOT NULL))",
            name="result_has_what_it_says",
        ),
        Index("result_by_job", "job_id"),
        storage(
            vacuum_scale_factor=0.05, vacuum_insert_scale_factor=0.05, analyze_scale_factor=0.05
        ),
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
    outcome: str = text_column()
    internal_id: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    record: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    reason: str | None = text_column(nullable=True)
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="result_job"), nullable=False)
    )
    fetched_at: datetime = now_column()
    forgotten_at: datetime | None = time_column()


class Stray(LedgerModel, table=True):
    """An envelope that settles nothing: unknown, repeated or unreadable. Kept for the operator."""

    __tablename__ = "stray"
    __table_args__ = (Index("stray_by_job", "job_id"),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="stray_job"), nullable=False)
    )
    line: int = Field(sa_column=Column(Integer, nullable=False))
    reason: str = text_column()
    envelope: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kept_at: datetime = now_column()
