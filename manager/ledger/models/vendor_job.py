"""Jobs as the vendor lists them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import Uuid
from sqlmodel import Field

from manager.ledger.models.base import (
    LedgerModel,
    count_column,
    small_column,
    storage,
    text_column,
    time_column,
)
from manager.ledger.states import Whose, sql_list


class VendorJob(LedgerModel, table=True):
    """A job on the vendor's list as it was last seen there, and whose it is.

    `endpoints` are those that it may be of. Times but the `_seen_at` are by the vendor's clock.
    What was judged stays judged; one that could not be read yet is judged again at `judge_at`.
    """

    __tablename__ = "vendor_job"
    __table_args__ = (
        CheckConstraint(f"whose IN ({sql_list(Whose)})", name="vendor_job_whose"),
        CheckConstraint("(whose = 'ours') = (job_id IS NOT NULL)", name="vendor_job_ours_has_job"),
        CheckConstraint(
            "stage IN ('completed', 'failed', 'pending', 'processing', 'stopped')",
            name="vendor_job_stage",
        ),
        UniqueConstraint("job_id", name="vendor_job_job_key"),
        Index("vendor_job_seen", "account_id", "last_seen_at"),
        Index(
            "vendor_job_open",
            "account_id",
            "first_seen_at",
            postgresql_where=text("whose = 'open'"),
        ),
        Index("vendor_job_newest", text("coalesce(created_at, first_seen_at)"), "batch_id"),
        # a look updates each row that the list shows, up to some hundred a second
        storage(fillfactor=70, vacuum_scale_factor=0.05, vacuum_threshold=500),
    )
    account_id: int = Field(
        sa_column=Column(
            Integer,
            ForeignKey("account.id", name="vendor_job_account"),
            primary_key=True,
            autoincrement=False,
        )
    )
    batch_id: str = Field(sa_column=Column(Text, primary_key=True))
    entity: str = text_column()
    action: str = text_column()
    endpoints: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    identifier_count: int | None = count_column(nullable=True)
    status: str = text_column()
    stage: str = text_column()
    result_count: int | None = count_column(nullable=True)
    entities_fulfilled: int | None = count_column(nullable=True)
    created_at: datetime | None = time_column()
    completed_at: datetime | None = time_column()
    first_seen_at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    last_seen_at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    whose: str = text_column(server_default=text("'open'"))
    job_id: UUID | None = Field(
        sa_column=Column(Uuid, ForeignKey("job.id", name="vendor_job_job"), nullable=True)
    )
    judged_at: datetime | None = time_column()
    judged_why: str | None = text_column(nullable=True)
    judge_at: datetime = time_column(nullable=False, server_default=text("clock_timestamp()"))
    judge_failures: int = small_column()
