"""Database work that runs on a sync or an async connection alike.

A script is a generator that yields statements and is sent their rows. It is written once;
`run` and `run_async` carry it out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.rows import namedtuple_row

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Execute:
    """One statement; answered with its rows (none for a statement that returns none)."""

    sql: LiteralString
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY … FROM STDIN fed from `rows`; answered with no rows."""

    sql: LiteralString
    rows: Iterable[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, so that nothing of its transaction can be committed."""


Command = Execute | Copy | Close
Script = Generator[Command, list[Any], T]


def run(connection: Connection[Any], script: Script[T]) -> T:
    """Carry the script out on a sync connection; errors are raised inside the script."""
    cursor = Cursor(connection, row_factory=namedtuple_row)
    try:
        command = next(script)
        while True:
            try:
                answer = _carry_out(cursor, command)
            except BaseException as error:  # a cancellation, too: the script must undo its part
                command = script.throw(error)
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        script.close()


async def run_async(connection: AsyncConnection[Any], script: Script[T]) -> T:
    """Carry the script out on an async connection; errors are raised inside the script."""
    cursor = AsyncCursor(connection, row_factory=namedtuple_row)
    try:
        command = next(script)
        while True:
            try:
                answer = await _carry_out_async(cursor, command)
            except BaseException as error:  # a cancellation, too: the script must undo its part
                command = script.throw(error)
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        script.close()


def _carry_out(cursor: Cursor[Any], command: Command) -> list[Any]:
    if isinstance(command, Close):
        cursor.connection.close()
        return []
    if isinstance(command, Copy):
        with cursor.copy(command.sql) as copy:
            for row in command.rows:
                copy.write_row(row)
        return []
    cursor.execute(command.sql, command.parameters)
    return cursor.fetchall() if cursor.description else []


async def _carry_out_async(cursor: AsyncCursor[Any], command: Command) -> list[Any]:
    if isinstance(command, Close):
        await cursor.connection.close()
        return []
    if isinstance(command, Copy):
        async with cursor.copy(command.sql) as copy:
            for row in command.rows:
                await copy.write_row(row)
        return []
    await cursor.execute(command.sql, command.parameters)
    return await cursor.fetchall() if cursor.description else []


def in_savepoint(schema: str, script: Script[T]) -> Script[T]:
    """Run the script inside the caller's transaction, all or nothing, in the ledger's schema.

    pg_temp comes last in the search path: a caller's temporary table must not hide one of ours.
    Outside a transaction, on a connection that is not in autocommit mode, the savepoint opens
    one, as any statement would; it stays the caller's to commit.
    """
    yield Execute("SAVEPOINT enrichd")
    try:
        path = yield Execute("SELECT current_setting('search_path') AS value")
        yield Execute(
            "SELECT set_config('search_path', %(path)s, true)",
            {"path": f"{schema}, public, pg_temp"},
        )
        result = yield from script
        yield Execute("SELECT set_config('search_path', %(path)s, true)", {"path": path[0].value})
    except GeneratorExit:
        raise
    except BaseException:
        try:
            yield Execute("ROLLBACK TO SAVEPOINT enrichd")
            yield Execute("RELEASE SAVEPOINT enrichd")
        except Exception:  # half an enqueue must not be there to be committed
            yield Close()
        raise
    yield Execute("RELEASE SAVEPOINT enrichd")
    return result
