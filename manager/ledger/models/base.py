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


def storage(fillfactor: int | None = None, **autovacuum: float | int) -> dict[str, Any]:
    """A table's storage parameters, as the last of `__table_args__`.

    fillfactor: percent of a page that inserts fill; what is left lets an update stay on the page.
    autovacuum: its parameters without their prefix. The defaults (when a fifth of the table is
    dead) are for tables of a few pages: of ten million rows two million would be dead by then,
    and each claim of the packer would walk over them.
    """
    given: dict[str, Any] = {} if fillfactor is None else {"fillfactor": fillfactor}
    given |= {f"autovacuum_{name}": value for name, value in autovacuum.items()}
    return {"postgresql_with": {name: str(value) for name, value in given.items()}}


def small_column(default: int = 0) -> Any:
    """A small number."""
    return Field(sa_column=Column(SmallInteger, nullable=False, server_default=text(str(default))))
