"""Loads the ledger's SQL: files of named statements beside the steps that use them.

A statement begins with `-- name: NAME: what it does or guarantees` and ends where the next
begins. They name no schema; the connection's search_path does.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import LiteralString, cast

from manager import faultpoint

_NAME = re.compile(r"^-- name: (\w+): .+$", re.MULTILINE)


class Statement(str):
    """A statement's text, and its `name` as the fault points call it: FILE.NAME."""

    name: str

    @classmethod
    def of(cls, text: str, name: str) -> Statement:
        """The statement of that text and name."""
        made = cls(text)
        made.name = name
        return made


class Statements:
    """The statements of one file, as attributes."""

    def __init__(self, name: str) -> None:
        self._file = f"{name}.sql"
        text = files("manager.ledger").joinpath("sql", self._file).read_text()
        _, *parts = _NAME.split(text)
        self._statements: dict[str, Statement] = {}
        for statement, content in zip(parts[::2], parts[1::2], strict=True):
            point = faultpoint.point(f"{name}.{statement}")
            self._statements[statement] = Statement.of(content.strip(), point)

    def __getattr__(self, name: str) -> LiteralString:
        try:
            # the text comes from our own package, never from input
            return cast(LiteralString, self._statements[name])
        except KeyError:
            raise AttributeError(f"{self._file} has no statement named {name}") from None

    def reading(self, source: str, instead_of: str) -> Statements:
        """The same, but what they read FROM the one they read from the other."""
        other = object.__new__(Statements)
        other._file = self._file
        other._statements = {
            name: Statement.of(it.replace(f"FROM {instead_of} ", f"FROM {source} "), it.name)
            for name, it in self._statements.items()
        }
        return other

    def names(self) -> list[str]:
        """The statements' names in the file's order."""
        return list(self._statements)
