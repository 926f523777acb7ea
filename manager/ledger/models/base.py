"""What the ledger's tables have in common: their base, and their usual columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, Integer, SmallInteger, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class LedgerModel(SQLModel, registry=registry()):
    """Base of the ledger's tables, with metadata of its own: a caller's SQLModel has other ones."""


def text_column(nullable: bool = False, **kwargs: Any) -> Any:
    """A text column."""
    return Field(sa_column=Column(Text, nullable=nullable, **kwargs))


def time_column(nullable: bool = True, **kwargs: Any) -> Any:
    """A time with its zone."""
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable, **kwargs))


def now_column() -> Any:
    """A time, by default when the row is written."""
    return time_column(nullable=False, server_default=text("now()"))


def count_column(nullable: bool = False) -> Any:
    """A count, from 0 on."""
    default = None if nullable else text("0")
    return Field(sa_column=Column(Integer, nullable=nullable, server_default=default))


def small_column(default: int = 0) -> Any:
    """A small number."""
    return Field(sa_column=Column(SmallInteger, nullable=False, server_default=text(str(default))))
