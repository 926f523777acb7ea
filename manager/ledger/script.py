"""Database work that runs on a sync or an async connection alike.

A script is a generator that yields commands and is sent their rows. It is written once;
`run` and `run_async` carry it out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection, Connection

from manager.ledger.execute import Copy, Execute, perform, perform_async
from manager.ledger.sql import Statements

T = TypeVar("T")
R = TypeVar("R")

SQL = Statements("savepoint")


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, so that nothing of its transaction can be committed."""


Command = Execute | Copy | Close
Script = Generator[Command, list[Any], T]


def ask(sql: LiteralString, row: type[R], parameters: dict[str, Any]) -> Script[list[R]]:
    """A query in a script: its rows, of that class."""
    found: list[R] = yield Execute(sql, parameters, row)
    return found


def run(connection: Connection[Any], script: Script[T]) -> T:
    """Carry the script out on a sync connection; errors are raised inside the script."""
    try:
        command = next(script)
        while True:
            try:
                answer: list[Any] = []
                if isinstance(command, Close):
                    connection.close()
                else:
                    answer, _ = perform(connection, command)
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
    try:
        command = next(script)
        while True:
            try:
                answer: list[Any] = []
                if isinstance(command, Close):
                    await connection.close()
                else:
                    answer, _ = await perform_async(connection, command)
            except BaseException as error:  # a cancellation, too: the script must undo its part
                command = script.throw(error)
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        script.close()


def in_savepoint(schema: str, script: Script[T]) -> Script[T]:
    """Run the script inside the caller's transaction, all or nothing, in the ledger's schema.

    pg_temp comes last in the search path: a caller's temporary table must not hide one of ours.
    Outside a transaction, on a connection that is not in autocommit mode, the savepoint opens
    one, as any statement would; it stays the caller's to commit.
    """
    yield Execute(SQL.savepoint)
    try:
        [path] = yield from ask(SQL.search_path, str, {})
        yield Execute(SQL.set_search_path, {"path": f"{schema}, public, pg_temp"})
        result = yield from script
        yield Execute(SQL.set_search_path, {"path": path})
    except GeneratorExit:
        raise
    except BaseException:
        try:
            yield Execute(SQL.rollback)
            yield Execute(SQL.release)
        except Exception:  # half an enqueue must not be there to be committed
            yield Close()
        raise
    yield Execute(SQL.release)
    return result
