"""What records cost, how much may be spent, and what was asked for and bought, day by day."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.types import BigInteger, Boolean, Numeric
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    now_column,
    small_column,
    storage,
    text_column,
    time_column,
)


class Price(LedgerModel, table=True):
    """Credits that a record of the endpoint costs on the account, as the configuration says."""

    __tablename__ = "price"
    account_id: int = Field(
        sa_column=Column(
            Integer,
            ForeignKey("account.id", name="price_account", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        )
    )
    endpoint: str = Field(sa_column=Column(Text, primary_key=True))
    credits: Decimal = Field(sa_column=Column(Numeric, nullable=False))


class Budget(LedgerModel, table=True):
    """Most credits, or records, of an account, a tag, both or all in a day or a month.

    `blocked_until`: nothing more may be bought by it until then, as the last packer has found;
    `reached_at`: when that was told. A hard one's row is updated by each call that it may refuse,
    one after the other.
    """

    __tablename__ = "budget"
    __table_args__ = (
        CheckConstraint("per IN ('day', 'month')", name="budget_per"),
        CheckConstraint("credits IS NOT NULL OR records IS NOT NULL", name="budget_caps"),
        storage(fillfactor=20, vacuum_scale_factor=0, vacuum_threshold=500),
    )
    name: str = Field(sa_column=Column(Text, primary_key=True))
    account_id: int | None = Field(
        sa_column=Column(
            Integer,
            ForeignKey("account.id", name="budget_account", ondelete="CASCADE"),
            nullable=True,
        )
    )
    tag: str | None = text_column(nullable=True)
    per: str = text_column()
    timezone: str = text_column()
    credits: Decimal | None = Field(sa_column=Column(Numeric, nullable=True))
    records: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    hard: bool = Field(sa_column=Column(Boolean, nullable=False))
    blocked_until: datetime | None = time_column()
    reached_at: datetime | None = time_column()
    asked_at: datetime | None = time_column()


class DayCounter(LedgerModel, table=True):
    """Changes of what a day has of something; their sum is how many there are.

    Triggers add rows (`level` 0), `retain` adds them up: into one for each hour (1), and after two
    months into one for each day (2). No foreign keys: what retention removes leaves its numbers.
    """

    __tablename__ = "day_counter"
    __table_args__ = (
        Index("day_counter_at", "at"),
        Index("day_counter_fresh", "at", postgresql_where=text("level = 0")),
        Index("day_counter_hours", "at", postgresql_where=text("level = 1")),
        Index(
            "day_counter_spent",
            "at",
            "account_id",
            "tag",
            postgresql_where=text("name IN ('bought', 'credits')"),
        ),
        storage(vacuum_scale_factor=0, vacuum_threshold=2000),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = now_column()
    account_id: int = Field(sa_column=Column(Integer, nullable=False))
    lane_id: int = Field(sa_column=Column(Integer, nullable=False))
    level: int = small_column()
    endpoint: str = text_column()
    tag: str = text_column()
    name: str = text_column()
    amount: Decimal = Field(sa_column=Column(Numeric, nullable=False))


class WaitingCounter(LedgerModel, table=True):
    """Changes of how many enrichments wait in a lane for a tag; added up like the others."""

    __tablename__ = "waiting_counter"
    __table_args__ = (storage(vacuum_scale_factor=0, vacuum_threshold=2000),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    lane_id: int = Field(sa_column=Column(Integer, nullable=False))
    tag: str = text_column()
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))


class Held(LedgerModel, table=True):
    """An enrichment that waits for its tag's budget, outside the packer's queue: its rank there is
    infinity. Here is its own, with which it returns.

    No foreign key: a row that is not true any more is dropped when it is met.
    """

    __tablename__ = "held"
    __table_args__ = (Index("held_in_order", "lane_id", "tag", "rank"),)
    enrichment_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lane_id: int = Field(sa_column=Column(Integer, nullable=False))
    tag: str = text_column()
    rank: datetime = time_column(nullable=False)
