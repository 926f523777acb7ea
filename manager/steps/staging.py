"""Staging: a results file streamed into a private table of the transaction that settles by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, DataError
from psycopg.errors import ProgramLimitExceeded, StatementTooComplex

from manager.ledger.execute import copy, execute, rows
from manager.ledger.sql import Statements
from manager.steps.echoes import Echoes
from manager.steps.results_file import ResultsFile

SQL = Statements("staging")
MAX_STRAY_BYTES = 65_536
REFUSED = (DataError, ProgramLimitExceeded, StatementTooComplex)
"""What Postgres says of a record that it cannot store."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that settles nothing."""

    line: int
    reason: str


def stage(connection: Connection[Any], job_id: UUID, file: ResultsFile, *, careful: bool) -> None:
    """Stream the file into a staging table of the transaction."""
    echoes = Echoes.of(connection, job_id, file.identifier_type)
    execute(connection, SQL.create)
    copy(connection, SQL.fill, file.rows(echoes))
    if careful:
        execute(connection, SQL.drop_unstorable)
    execute(connection, SQL.analyze)


def keep_strays(
    connection: Connection[Any],
    job_id: UUID,
    file: ResultsFile,
    sql: LiteralString,
    parameters: dict[str, Any],
) -> int:
    """Keep the envelopes that settle nothing, cut to a bounded size; how many."""
    strays = {it.line: it.reason for it in rows(connection, sql, Stray, parameters)}
    if strays:
        kept = (
            (job_id, number, strays[number], line[:MAX_STRAY_BYTES])
            for number, line in enumerate(file.readable(), start=1)
            if number in strays
        )
        copy(connection, SQL.copy_strays, kept)
    return len(strays)
