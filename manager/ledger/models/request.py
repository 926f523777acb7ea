"""What callers ask for: lanes, requests and their items."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, Boolean, Numeric, Uuid
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

COUNTED = "fulfilled + not_found + failed + cancelled"


class Lane(LedgerModel, table=True):
    """What may share a job: account, endpoint, identifier type and field selection.

    While it is paused nothing of it is packed or submitted.
    """

    __tablename__ = "lane"
    __table_args__ = (
        UniqueConstraint("account_id", "endpoint", "identifier_type", "fields", name="lane_key"),
        CheckConstraint("(paused_at IS NULL) = (paused_reason IS NULL)", name="lane_paused"),
    )
    id: int = Field(sa_column=Column(Integer, Identity(always=True), primary_key=True))
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", name="lane_account"), nullable=False)
    )
    endpoint: str = text_column()
    identifier_type: str = text_column()
    fields: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = now_column()
    paused_reason: str | None = text_column(nullable=True)
    paused_at: datetime | None = time_column()


class Request(LedgerModel, table=True):
    """One enqueue call: what a caller follows. Its counters count its items by outcome.

    `account_key` is the caller's idempotency key, unique within its account. `idempotency_key` is
    what callers of the first release write; a trigger makes the one of the other. `targets` are
    told of it, besides those of its account. `traceparent` is the span that it was enqueued in, as
    the W3C writes it.

    `hits`: items that were fresh at once; `joined`: those that others have begun to buy already,
    and repeats. `bought`: records that were bought for it, which cost `credits`.
    """

    __tablename__ = "request"
    __table_args__ = (
        # the first release's; it goes one release later
        UniqueConstraint("idempotency_key", name="request_idempotency_key"),
        UniqueConstraint("account_id", "account_key", name="request_account_key"),
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
        # the newest of an account, lane by lane; and whether a lane holds any
        Index("request_by_lane", "lane_id", "id"),
        # lists: of an account, of a time, by what callers have kept with them
        Index("request_by_account", "account_id", "id"),
        Index("request_created", "created_at"),
        Index("request_by_tag", "tag", "id", postgresql_where=text("tag IS NOT NULL")),
        Index(
            "request_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_where=text("metadata IS NOT NULL"),
        ),
        # each merge adds to its counters, which no index has: the update stays on its page
        storage(fillfactor=85, vacuum_scale_factor=0.02, analyze_scale_factor=0.05),
    )
    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    lane_id: int = Field(
        sa_column=Column(Integer, ForeignKey("lane.id", name="request_lane"), nullable=False)
    )
    account_id: int = Field(
        sa_column=Column(Integer, ForeignKey("account.id", name="request_account"), nullable=True)
    )
    priority: int = small_column()
    idempotency_key: str | None = text_column(nullable=True)
    account_key: str | None = text_column(nullable=True)
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    max_age: timedelta = Field(sa_column=Column(Interval, nullable=False))
    total: int = Field(sa_column=Column(Integer, nullable=False))
    fulfilled: int = count_column()
    not_found: int = count_column()
    failed: int = count_column()
    cancelled: int = count_column()
    traceparent: str | None = text_column(nullable=True)
    details: dict[str, Any] | None = Field(sa_column=Column("metadata", JSONB, nullable=True))
    created_at: datetime = now_column()
    finished_at: datetime | None = time_column()
    cancelled_at: datetime | None = time_column()
    tag: str | None = text_column(nullable=True)
    hits: int = count_column()
    joined: int = count_column()
    bought: int = count_column()
    credits: Decimal = Field(sa_column=Column(Numeric, nullable=False, server_default=text("0")))
    targets: list[int] | None = Field(sa_column=Column(ARRAY(BigInteger), nullable=True))


class RequestItem(LedgerModel, table=True):
    """One identifier of a request, as the caller wrote it, and the cycle that satisfies it."""

    __tablename__ = "request_item"
    __table_args__ = (
        Index("request_item_by_enrichment", "enrichment_id", "cycle"),
        storage(
            vacuum_scale_factor=0.05, vacuum_insert_scale_factor=0.05, analyze_scale_factor=0.05
        ),
    )
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
    value: str = text_column()
