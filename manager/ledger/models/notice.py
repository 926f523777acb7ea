"""Who is told of what: targets, and the notices for them, written with what they tell of."""

from __future__ import annotations

from datetime import datetime
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
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, Double, Uuid
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    count_column,
    now_column,
    storage,
    text_column,
    time_column,
)
from manager.ledger.states import NoticeState, sql_list


class Target(LedgerModel, table=True):
    """Where somebody is told, and how it has gone there.

    `address` is as it was given: a URL, `task:NAME@BROKER`, `pg:CHANNEL`, or the name of a target
    in the daemon's settings; `events` are those that are told there, empty for all. `failures` in a
    row since `failing_since`; nothing is tried before `retry_at`. A target that has failed for
    long is paused, and tried rarely; one that says that it is gone is told nothing more.
    """

    __tablename__ = "target"
    __table_args__ = (
        UniqueConstraint("address", "events", name="target_key"),
        storage(fillfactor=50, vacuum_scale_factor=0.05, vacuum_threshold=500),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    address: str = text_column()
    host: str = text_column()
    events: list[str] = Field(
        sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )
    failures: int = count_column()
    failing_since: datetime | None = time_column()
    retry_at: datetime | None = time_column()
    error: str | None = text_column(nullable=True)
    delivered_at: datetime | None = time_column()
    paused_at: datetime | None = time_column()
    gone_at: datetime | None = time_column()
    created_at: datetime = now_column()


class Notice(LedgerModel, table=True):
    """Something that a target is told, from the transaction that made it true until it is.

    `position` is the order of those of one request. `once` keeps what is found again and again from
    being told twice. Names request and job without a foreign key: it may outlive them.
    """

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_list(NoticeState)})", name="notice_state"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="notice_ended"),
        Index(
            "notice_waiting",
            "account_id",
            "target_id",
            "position",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("notice_in_order", "request_id", "target_id", "position"),
        Index("notice_leased", "target_id", postgresql_where=text("leased_until IS NOT NULL")),
        Index(
            "notice_once",
            "target_id",
            "once",
            unique=True,
            postgresql_where=text("once IS NOT NULL"),
        ),
        Index("notice_by_target", "target_id", "position"),
        Index("notice_by_position", "position"),
        Index(
            "notice_abandoned",
            "account_id",
            "ended_at",
            postgresql_where=text("state = 'abandoned'"),
        ),
        storage(fillfactor=70, vacuum_scale_factor=0.05, analyze_scale_factor=0.05),
    )
    id: UUID = Field(
        sa_column=Column(Uuid, primary_key=True, server_default=text("gen_random_uuid()"))
    )
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    account_id: int = Field(sa_column=Column(Integer, nullable=False))
    target_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("target.id", name="notice_target"), nullable=False)
    )
    event: str = text_column()
    request_id: UUID | None = Field(sa_column=Column(Uuid, nullable=True))
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    once: str | None = text_column(nullable=True)
    state: str = text_column(server_default=text("'waiting'"))
    attempts: int = count_column()
    created_at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    due_at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    leased_until: datetime | None = time_column()
    ended_at: datetime | None = time_column()
    error: str | None = text_column(nullable=True)


class NoticeAttempt(LedgerModel, table=True):
    """One try at telling: when it began, how many seconds it took, and what came of it.

    `status` is that of the HTTP answer; `error` is null when it was told.
    """

    __tablename__ = "notice_attempt"
    __table_args__ = (storage(vacuum_scale_factor=0.05, vacuum_insert_scale_factor=0.05),)
    notice_id: UUID = Field(
        sa_column=Column(
            Uuid,
            ForeignKey("notice.id", name="notice_attempt_notice", ondelete="CASCADE"),
            primary_key=True,
        )
    )
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    began_at: datetime = time_column(nullable=False)
    seconds: float = Field(sa_column=Column(Double, nullable=False))
    status: int | None = count_column(nullable=True)
    error: str | None = text_column(nullable=True)
