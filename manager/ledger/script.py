"""Database work that runs on a sync or an async connection alike.

A script is a generator that yields commands and is sent their rows. It is written once;
`run` and `run_async` carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from manager.ledger.execute import (
    Copy,
    Execute,
    carry_out,
    carry_out_async,
    new_async_cursor,
    new_cursor,
)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Read:
    """Let a caller's own code give what comes next of what it hands over; answered with that."""

    following: Callable[[], list[Any]]


@dataclass(frozen=True, slots=True)
class Abandon:
    """See to it that nothing of the transaction can be committed: it has failed, or is cut off."""


Command: TypeAlias = Execute | Copy | Read | Abandon
Script: TypeAlias = Generator[Command, list[Any], T]
# Says in our words what Postgres has said to a command.
Explain: TypeAlias = Callable[[psycopg.Error, Command], BaseException]


def ask(sql: LiteralString, row: type[R], parameters: dict[str, Any]) -> Script[list[R]]:
    """A query in a script: its rows, of that class."""
    found: list[R] = yield Execute(sql, parameters, row)
    return found


def unexplained(error: psycopg.Error, command: Command) -> BaseException:
    """What Postgres has said, as it is."""
    return error


def run(connection: Connection[Any], script: Script[T], explain: Explain = unexplained) -> T:
    """Carry the script out on a sync connection; errors are raised inside the script."""
    cursor, encoding = new_cursor(connection), connection.info.encoding
    try:
        command = next(script)
        while True:
            try:
                answer: list[Any] = []
                match command:
                    case Read():
                        answer = command.following()
                    case Abandon():
                        if not _has_failed(connection):
                            connection.close()
                    case _:
                        if connection.info.encoding != encoding:
                            cursor, encoding = new_cursor(connection), connection.info.encoding
                        answer, _ = carry_out(cursor, command)
            except BaseException as error:  # a cancellation, too: the script must undo its part
                command = script.throw(_explained(error, command, explain))
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        script.close()


async def run_async(
    connection: AsyncConnection[Any], script: Script[T], explain: Explain = unexplained
) -> T:
    """Carry the script out on an async connection; errors are raised inside the script."""
    cursor, encoding = new_async_cursor(connection), connection.info.encoding
    try:
        command = next(script)
        while True:
            try:
                answer: list[Any] = []
                match command:
                    case Read():
                        answer = command.following()
                    case Abandon():
                        if not _has_failed(connection):
                            await connection.close()
                    case _:
                        if connection.info.encoding != encoding:
                            cursor, encoding = (
                                new_async_cursor(connection),
                                connection.info.encoding,
                            )
                        answer, _ = await carry_out_async(cursor, command)
            except BaseException as error:  # a cancellation, too: the script must undo its part
                command = script.throw(_explained(error, command, explain))
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        script.close()


def _has_failed(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Whether its transaction can only be rolled back."""
    return connection.info.transaction_status == TransactionStatus.INERROR


def _explained(error: BaseException, command: Command, explain: Explain) -> BaseException:
    """An error of a statement is Postgres's; one of a caller's code is the caller's own."""
    if isinstance(error, psycopg.Error) and not isinstance(command, Read):
        return explain(error, command)
    return error
