"""Rows: every query gives the columns of the class that its rows are made into."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.pq import ExecStatus

import manager
from manager import Settings
from manager.ledger.connect import Ledger
from manager.ledger.sql import Statement, Statements

pytestmark = pytest.mark.integration

PACKAGE = Path(manager.__file__).parent
# Where a query's statement and class stand among the arguments.
ASKED = {"rows": (1, 2), "first": (1, 2), "one": (1, 2), "ask": (0, 1)}
# What Python says by its own types, where the statement has no cast.
TYPES = {
    "before": "float",
    "cap": "integer",
    "foreign_active": "integer",
    "long_before": "float",
    "pack_ahead": "integer",
}
PLACEHOLDER = re.compile(r"%\((\w+)\)s(::[\w\[\]]+)?")


class Query(NamedTuple):
    """A query, and the class of its rows, where they are asked for."""

    place: str
    statement: Statement
    row: type[Any]


def queries() -> Iterator[Query]:
    """Each call in the source that names a statement and a class."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id not in ASKED:
                continue
            sql, row = (call.args[place] for place in ASKED[call.func.id])
            if not isinstance(sql, ast.Attribute):
                assert isinstance(sql, ast.Name), f"{module}:{call.lineno} hides its statement"
                continue  # handed on by the executor, or by a caller that is looked at itself
            names = vars(importlib.import_module(module))
            yield Query(f"{module}:{call.lineno}", _value(sql, names), _value(row, names))


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    return eval(ast.unparse(node), names)


def columns(connection: psycopg.Connection[Any], statement: Statement) -> list[str]:
    """What the statement gives, as Postgres describes it without running it."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        number = numbers.setdefault(match[1], len(numbers) + 1)
        cast = f"::{TYPES[match[1]]}" if match[1] in TYPES else ""
        return f"${number}{match[2] or cast}"

    text = PLACEHOLDER.sub(numbered, statement).replace("%%", "%")
    with connection.transaction(force_rollback=True):
        made = connection.pgconn.prepare(b"", text.encode())
        assert made.status == ExecStatus.COMMAND_OK, made.error_message.decode()
        described = connection.pgconn.describe_prepared(b"")
        return [(described.fname(n) or b"").decode() for n in range(described.nfields)]


QUERIES = list(queries())


def test_every_module_that_asks_is_looked_at() -> None:
    assert len(QUERIES) > 60
    assert all(isinstance(it.statement, Statement) for it in QUERIES)


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """One that has the tables of a merge and of an enqueue, too."""
    with Ledger(settings, "test").connect() as made, made.transaction():
        made.execute(Statements("enqueue").create_staging)
        made.execute(Statements("staging").create)
        made.execute(Statements("actions").create_set)
        yield made


def test_every_query_gives_what_its_rows_are_made_of(
    connection: psycopg.Connection[Any],
) -> None:
    wrong = []
    for place, statement, row in QUERIES:
        given = columns(connection, statement)
        if is_dataclass(row):
            wanted = {it.name for it in fields(row) if it.init}
            needed = {
                it.name
                for it in fields(row)
                if it.default is MISSING and it.default_factory is MISSING
            }
            fits = needed <= set(given) <= wanted and len(set(given)) == len(given)
        else:
            fits = len(given) == 1
        if not fits:
            wrong.append(f"{place}: {statement.name} gives {given}, {row.__name__} takes others")
    assert wrong == []
