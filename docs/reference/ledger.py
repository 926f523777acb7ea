"""The ledger's tables, as its models declare them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from docs.reference.text import code, doc, table
from manager.ledger import models

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def ledger() -> str:
    """The page."""
    parts = [
        "# Ledger\n\nThe tables in the schema `database_schema` (`enrichment`). Read them as you "
        "like; write through the API and the commands alone: triggers refuse what is no move of "
        "the [state machines](../architecture.md#the-ledger).\n"
    ]
    for model in sorted(_tables(), key=lambda it: _table(it).name):
        parts.append(_entry(model))
    return "\n".join(parts)


def _tables() -> list[type[SQLModel]]:
    return [
        it
        for it in vars(models).values()
        if isinstance(it, type) and issubclass(it, SQLModel) and hasattr(it, "__table__")
    ]


def _table(model: type[SQLModel]) -> Table:
    found: Any = model
    return found.__table__  # type: ignore[no-any-return]


def _entry(model: type[SQLModel]) -> str:
    made = _table(model)
    rows = [_column(it) for it in made.columns]
    rules = sorted(_rule(it) for it in made.constraints if isinstance(it, CheckConstraint))
    unique = sorted(
        f"- {code(it.name)}: unique ({', '.join(code(c.name) for c in it.columns)})\n"
        for it in made.constraints
        if isinstance(it, UniqueConstraint)
    )
    return (
        f"## {made.name}\n\n{doc(model)}\n"
        + table(("column", "type", "null", "default", "refers to"), rows)
        + ("\n" + "".join(rules + unique) if rules or unique else "")
    )


def _column(column: Column[Any]) -> tuple[str, ...]:
    default = getattr(column.server_default, "arg", None)
    refers = ", ".join(code(it.target_fullname) for it in column.foreign_keys)
    key = " (key)" if column.primary_key else ""
    return (
        code(column.name) + key,
        column.type.compile(DIALECT).lower(),
        "yes" if column.nullable else "",
        code(getattr(default, "text", default)) if default is not None else "",
        refers,
    )


def _rule(check: CheckConstraint) -> str:
    return f"- {code(check.name)}: {code(' '.join(str(check.sqltext).split()))}\n"
