"""What operators have done, and to what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Identity, Index, Text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB
from sqlalchemy.types import BigInteger
from sqlmodel import Field

from manager.ledger.models.base import LedgerModel, now_column, text_column


class OperatorAction(LedgerModel, table=True):
    """One action of an operator: who, by which way (`cli`, `console`), when, and why.

    `filter` is what was chosen, as a URL's query; `counts` says how many of what were touched.
    `enrichments` are the ids of those that were: hundreds of thousands in a few ranges.
    """

    __tablename__ = "operator_action"
    __table_args__ = (Index("operator_action_enrichments", "enrichments", postgresql_using="gist"),)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = now_column()
    who: str = text_column()
    via: str = text_column()
    why: str | None = text_column(nullable=True)
    action: str = text_column()
    kind: str = text_column()
    filter: str = text_column()
    arguments: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    counts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    enrichments: Any = Field(sa_column=Column(INT8MULTIRANGE, nullable=True))


class OperatorActionObject(LedgerModel, table=True):
    """What else an action has touched, by its kind and id: so the object's history finds it.

    No foreign key: to look up the action would cost each row as much as its insertion.
    """

    __tablename__ = "operator_action_object"
    __table_args__ = (Index("operator_action_object_by_action", "action_id"),)
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    object: str = Field(sa_column=Column(Text, primary_key=True))
    action_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
