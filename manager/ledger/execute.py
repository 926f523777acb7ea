"""The executor: every statement and every COPY of the project is run here.

Each is a fault point, named as its statement is (FILE.NAME). A query's rows are small
dataclasses, so a column that it does not give is an error of the type checker; a test holds each
query against its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.adapt import AdaptersMap
from psycopg.postgres import register_default_adapters, register_default_types
from psycopg.rows import class_row, scalar_row, tuple_row
from psycopg.types import TypesRegistry
from psycopg.types.array import register_all_arrays

from manager import faultpoint, logs

R = TypeVar("R")


class _Plain:
    """How psycopg reads and writes values when nobody has told it otherwise."""

    connection = None

    def __init__(self) -> None:
        types = TypesRegistry()
        register_default_types(types)
        self.adapters = AdaptersMap(types=types)
        register_default_adapters(self)
        register_all_arrays(self)


_plain = _Plain()


class _Cursor(Cursor[Any]):
    """A cursor of ours, which a caller's own loaders and dumpers do not reach."""

    @property
    def adapters(self) -> AdaptersMap:
        return _plain.adapters


class _AsyncCursor(AsyncCursor[Any]):
    @property
    def adapters(self) -> AdaptersMap:
        return _plain.adapters


@dataclass(frozen=True, slots=True)
class Execute:
    """One statement; answered with its rows, of the class `row`, or of its only column's values."""

    sql: LiteralString
    parameters: dict[str, Any] = field(default_factory=dict)
    row: type[Any] | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY … FROM STDIN fed from `rows`; answered with no rows."""

    sql: LiteralString
    rows: Iterable[tuple[Any, ...]]


def perform(connection: Connection[Any], command: Execute | Copy) -> tuple[list[Any], int]:
    """Run it: its rows (none for a statement that returns none), and how many it touched."""
    return carry_out(new_cursor(connection), command)


def new_cursor(connection: Connection[Any]) -> Cursor[Any]:
    """For `carry_out`: what many commands share is cheaper than one for each."""
    return _Cursor(connection)


def carry_out(cursor: Cursor[Any], command: Execute | Copy) -> tuple[list[Any], int]:
    """Run it on a cursor of `new_cursor`; see `perform`."""
    with faultpoint.around(point(command.sql)):
        if isinstance(command, Copy):
            with cursor.copy(command.sql) as copy:
                for row in command.rows:
                    copy.write_row(row)
            return [], cursor.rowcount
        cursor.row_factory = _rows(command)
        cursor.execute(command.sql, command.parameters)
        return (cursor.fetchall() if cursor.description else []), cursor.rowcount


async def perform_async(
    connection: AsyncConnection[Any], command: Execute | Copy
) -> tuple[list[Any], int]:
    """The same on an async connection."""
    return await carry_out_async(new_async_cursor(connection), command)


def new_async_cursor(connection: AsyncConnection[Any]) -> AsyncCursor[Any]:
    """For `carry_out_async`."""
    return _AsyncCursor(connection)


async def carry_out_async(
    cursor: AsyncCursor[Any], command: Execute | Copy
) -> tuple[list[Any], int]:
    """The same on an async cursor."""
    with faultpoint.around(point(command.sql)):
        if isinstance(command, Copy):
            async with cursor.copy(command.sql) as copy:
                for row in command.rows:
                    await copy.write_row(row)
            return [], cursor.rowcount
        cursor.row_factory = _rows(command)
        await cursor.execute(command.sql, command.parameters)
        return (await cursor.fetchall() if cursor.description else []), cursor.rowcount


def rows(
    connection: Connection[Any], sql: LiteralString, row: type[R], parameters: dict[str, Any]
) -> list[R]:
    """All rows that a query returns; of a simple type, the values of its only column."""
    return perform(connection, Execute(sql, parameters, row))[0]


def first(
    connection: Connection[Any], sql: LiteralString, row: type[R], parameters: dict[str, Any]
) -> R | None:
    """The first row that a query returns, or None."""
    return next(iter(rows(connection, sql, row, parameters)), None)


def one(
    connection: Connection[Any], sql: LiteralString, row: type[R], parameters: dict[str, Any]
) -> R:
    """The row of a query that always returns one."""
    [found] = rows(connection, sql, row, parameters)
    return found


def execute(
    connection: Connection[Any], sql: LiteralString, parameters: dict[str, Any] | None = None
) -> int:
    """Run a statement; the number of rows it touched."""
    return perform(connection, Execute(sql, parameters or {}))[1]


def copy(
    connection: Connection[Any], sql: LiteralString, content: Iterable[tuple[Any, ...]]
) -> int:
    """Stream rows in; how many."""
    return perform(connection, Copy(sql, content))[1]


@contextmanager
def transaction(connection: Connection[Any], commit: str) -> Iterator[None]:
    """A transaction with fault points around its commit; `commit` is the point's name."""
    with logs.held_until_committed(), connection.transaction():
        yield
        faultpoint.reach(f"before {commit}")
    faultpoint.reach(f"after {commit}")


def point(sql: str) -> str:
    """The fault point of a statement."""
    return getattr(sql, "name", "statement")


def _rows(command: Execute | Copy) -> Any:
    row = command.row if isinstance(command, Execute) else None
    if row is None:
        return tuple_row
    return class_row(row) if hasattr(row, "__dataclass_fields__") else scalar_row
