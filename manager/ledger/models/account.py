"""The ledger itself, and its accounts with their slots."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import BigInteger, Boolean, Double, Uuid
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    now_column,
    small_column,
    storage,
    text_column,
    time_column,
)


class LedgerIdentity(LedgerModel, table=True):
    """The ledger's own name, written once: what Redis holds of it is named after it.

    `key_rules`: by which release's rules its keys were normalised.
    """

    __tablename__ = "ledger"
    __table_args__ = (CheckConstraint("single", name="ledger_single"),)
    single: bool = Field(sa_column=Column(Boolean, primary_key=True, server_default=text("true")))
    id: UUID = Field(
        sa_column=Column(Uuid, nullable=False, server_default=text("gen_random_uuid()"))
    )
    created_at: datetime = now_column()
    key_rules: int = small_column(default=1)


class Account(LedgerModel, table=True):
    """One vendor API key; the key itself is configuration, never a row.

    `look_at` is when the vendor's list is to be asked next, `looked_at` when it last answered.
    `targets` are told of all its requests and troubles, as the daemon's settings say.
    `clock_ahead` is how many seconds the vendor's clock is ahead of ours, `list_lag` how long it
    takes at most until a job shows on the list.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("name", name="account_name_key"),
        CheckConstraint("(paused_at IS NULL) = (paused_reason IS NULL)", name="account_paused"),
        # a few rows, each updated by every sweep and look for years: they stay on their page
        storage(fillfactor=20, vacuum_scale_factor=0, vacuum_threshold=500),
    )
    id: int = Field(sa_column=Column(Integer, Identity(always=True), primary_key=True))
    name: str = text_column()
    paused_reason: str | None = text_column(nullable=True)
    paused_at: datetime | None = time_column()
    paused_for: str | None = text_column(nullable=True)
    foreign_active: int = small_column()
    swept_at: datetime | None = time_column()
    look_at: datetime = now_column()
    looked_at: datetime | None = time_column()
    look_failures: int = small_column()
    look_error: str | None = text_column(nullable=True)
    look_waits_for: str | None = text_column(nullable=True)
    clock_ahead: float | None = Field(sa_column=Column(Double, nullable=True))
    list_lag: float | None = Field(sa_column=Column(Double, nullable=True))
    removed_at: datetime | None = time_column()
    created_at: datetime = now_column()
    targets: list[int] | None = Field(sa_column=Column(ARRAY(BigInteger), nullable=True))


class EndpointPause(LedgerModel, table=True):
    """An endpoint that an account may not use, as the vendor said; the others go on."""

    __tablename__ = "endpoint_pause"
    account_id: int = Field(
        sa_column=Column(
            Integer,
            ForeignKey("account.id", name="endpoint_pause_account"),
            primary_key=True,
            autoincrement=False,
        )
    )
    endpoint: str = Field(sa_column=Column(Text, primary_key=True))
    reason: str = text_column()
    paused_at: datetime = now_column()


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
