"""Where settings come from besides arguments and plain variables."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from manager.errors import ConfigurationError
from manager.settings.names import (
    ACCOUNT_PREFIX,
    ACCOUNTS,
    CONFIG,
    given,
    is_of_an_account,
    misspelt,
)

CONNECTION_FILE = "connection.json"

Kind = Literal["argument", "environment", "data directory", "file", "default"]


class Source(NamedTuple):
    """Values, and where they are from. path: of the file, if it is one."""

    kind: Kind
    values: dict[str, Any]
    path: str = ""


def _raise(error: ConfigurationError) -> None:
    raise error


def ordered(
    arguments: dict[str, Any],
    environment: dict[str, Any],
    known: Collection[str],
    of_an_account: Collection[str],
    trouble: Callable[[ConfigurationError], None] = _raise,
) -> list[Source]:
    """All sources: what comes first goes over what comes later.

    environment: the values of plain variables. known, of_an_account: the settings' names. trouble:
    called with what a file that cannot be read would raise.
    """

    def read(file: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return file()
        except ConfigurationError as error:
            trouble(error)
            return {}

    found = [
        Source("argument", arguments),
        Source("environment", environment),
        Source("environment", misspelt({"config", *known}, of_an_account)),
    ]
    config = os.environ.get(CONFIG, "")
    file = Source("file", read(lambda: toml(config)), config)
    named = (it.values["data_dir"] for it in [*found, file] if it.values.get("data_dir"))
    if data_dir := next(named, None):
        path = Path(data_dir) / CONNECTION_FILE
        values = read(lambda: connection(path, known))
        found.append(Source("data directory", values, str(path)))
    found.append(file)
    accounts = account_names([it.values for it in found])
    found.insert(2, Source("environment", account_variables(accounts)))
    return found


def toml(path: str | None) -> dict[str, Any]:
    """The content of the TOML file; empty when none is named. Raises ConfigurationError."""
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except ValueError as error:
        why = f"is not valid TOML: {error}"
    raise ConfigurationError(f"The configuration file {path} {why}.")


def connection(path: Path, known: Collection[str]) -> dict[str, Any]:
    """What a daemon wrote down of its own servers; empty when there are none yet.

    Raises ConfigurationError.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} is not what `enrichd up --embedded` writes. Remove it; the next `up` of "
            "that directory writes it again."
        )
    return {name: value for name, value in content.items() if name in known}


def account_names(found: Collection[dict[str, Any]]) -> list[str]:
    """The accounts that are named in what was found: by tables, or by `account`."""
    tables = [it[ACCOUNTS] for it in found if isinstance(it.get(ACCOUNTS), dict)]
    single = [it["account"] for it in found if isinstance(it.get("account"), str)]
    return [*(name for table in tables for name in table), *single]


def account_variables(names: Iterable[str]) -> dict[str, dict[str, dict[str, str]]]:
    """The tables that variables make, `{"accounts": {NAME: {SETTING: value}}}`.

    A variable's NAME has lost its case: it is the one in `names` that differs in nothing else, or
    in lower case.
    """
    written = {name.lower(): name for name in names}
    tables: dict[str, dict[str, str]] = {}
    for variable, value in given().items():
        if is_of_an_account(variable):
            name, _, setting = variable.removeprefix(ACCOUNT_PREFIX).rpartition("__")
            tables.setdefault(written.get(name, name), {})[setting] = value
    return {ACCOUNTS: tables} if tables else {}
