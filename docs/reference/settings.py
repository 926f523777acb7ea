"""The settings, in the order and under the headings of their declaration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from docs.reference.text import code, table
from manager.settings.accounts import AccountTable
from manager.settings.fields import Fields
from manager.settings.names import variable
from manager.settings.prices import Budget

WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
}
HEAD = ("setting", "variable", "type", "default", "meaning")


def settings() -> str:
    """The page."""
    parts = [
        "# Settings\n\n"
        "In the TOML file that `ENRICHD_CONFIG` names, or by variables, which go over it; lists "
        "and tables are JSON there. All of them, commented, with their defaults: "
        "[`enrichd.toml`](../files/enrichd.toml). `enrichd doctor` shows what is in force, and "
        "where each is from. Another name than these, in the file or nearly in the environment, "
        "stops the start.\n"
    ]
    for title, names in _groups():
        parts.append(f"## {title}\n\n{table(HEAD, [_row(Fields, it, (it,)) for it in names])}")
    rows = [_row(AccountTable, it, ("accounts", "NAME", it)) for it in AccountTable.model_fields]
    parts.append(
        "## A table of an account\n\n`[accounts.NAME]`: what the account does not share with "
        f"the others.\n\n{table(HEAD, rows)}"
    )
    parts.append(
        "## A budget\n\nAn entry of `budgets`; one of `credits` and `records` is needed.\n\n"
        + table(("name", "type", "default"), [_member(it) for it in Budget.model_fields])
    )
    return "\n".join(parts)


def _groups() -> list[tuple[str, list[str]]]:
    """The settings under the comments that head them in the code."""
    found: list[tuple[str, list[str]]] = []
    for line in inspect.getsource(Fields).splitlines():
        if heading := re.fullmatch(r"    # (.+)", line):
            found.append((heading[1], []))
        elif (name := re.match(r"    (\w+): ", line)) and name[1] in Fields.model_fields:
            found[-1][1].append(name[1])
    return found


def _member(name: str) -> tuple[str, ...]:
    field = Budget.model_fields[name]
    return code(name), _type(field), "needed" if field.is_required() else _default(field)


def _row(model: Any, name: str, path: tuple[str, ...]) -> tuple[str, ...]:
    field = model.model_fields[name]
    return (
        f'<a id="{".".join(path)}"></a>{code(name)}',
        code(variable(*path)),
        _type(field),
        _default(field),
        field.description or "",
    )


def _type(field: Any) -> str:
    """The type in words, with its bounds."""
    limits = {"Ge": "≥", "Gt": ">", "Le": "≤", "Lt": "<"}
    bounds = [
        f"{limits[type(it).__name__]} {getattr(it, type(it).__name__.lower()):,}"
        for it in field.metadata
        if type(it).__name__ in limits
    ]
    return " ".join([_word(field.annotation), *bounds])


def _word(kind: Any) -> str:
    origin, inner = get_origin(kind), [it for it in get_args(kind) if it is not type(None)]
    if origin is Annotated:
        return _word(inner[0])
    if origin is Literal:
        return " or ".join(code(it) for it in inner)
    if origin in (Union, UnionType):
        return " or ".join(map(_word, inner))
    if origin in (list, tuple):
        return f"list of: {_word(inner[0])}"
    if origin in (dict, Mapping):
        return f"table of: {_word(inner[1])}"
    return WORDS.get(kind, "table")


def _default(field: Any) -> str:
    if field.default is PydanticUndefined or field.default is None:
        return "not set"
    return code(field.default)
