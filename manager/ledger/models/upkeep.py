"""What the ledger needs to stay small, and to be read quickly, over years."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Identity, Integer, Text, text
from sqlalchemy.types import BigInteger, Double
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    now_column,
    storage,
    text_column,
    time_column,
)


class AccountCounter(LedgerModel, table=True):
    """Changes of what an account has of something; their sum is how many there are.

    Triggers on request and job add rows, so no writer waits for another one; `retain` adds them up
    into one a name. No foreign key: it would cost each enqueue a look at the account.
    """

    __tablename__ = "account_counter"
    # rows come with each enqueue, and go within a minute
    __table_args__ = (storage(vacuum_scale_factor=0, vacuum_threshold=2000),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    account_id: int = Field(sa_column=Column(Integer, nullable=False))
    name: str = text_column()
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))


class Forgetting(LedgerModel, table=True):
    """An enrichment that is forgotten as soon as its job has ended."""

    __tablename__ = "forgetting"
    enrichment_id: int = Field(
        sa_column=Column(
            BigInteger,
            ForeignKey("enrichment.id", name="forgetting_enrichment"),
            primary_key=True,
            autoincrement=False,
        )
    )
    asked_at: datetime = now_column()


class Retention(LedgerModel, table=True):
    """How far retention has come in a table: a pass looks at its rows once, in their key's order.

    `place` is the key of the last row that was looked at, null between two passes. `seconds` is
    the work that the pass took, `removed` how many rows it has removed.
    """

    __tablename__ = "retention"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    place: str | None = text_column(nullable=True)
    began_at: datetime | None = time_column()
    ended_at: datetime | None = time_column()
    seconds: float = Field(sa_column=Column(Double, nullable=False, server_default=text("0")))
    removed: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
