"""Read the settings, and tell of all that is wrong with them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from manager.errors import ConfigurationError
from manager.settings.accounts import AccountTable
from manager.settings.model import Settings
from manager.settings.names import ACCOUNTS, is_nearly_of_an_account, variable


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; every wrong one is named in a single ConfigurationError."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise wrong(error) from None


def wrong(error: ValidationError) -> ConfigurationError:
    """The error that names every wrong setting."""
    lines = [explain(problem) for problem in error.errors(include_url=False)]
    return ConfigurationError("The configuration is wrong:\n" + "\n".join(lines))


def explain(problem: Any) -> str:
    """What is wrong with which setting, as one of pydantic's errors says it, without secrets."""
    match problem["loc"]:
        case ("accounts", name, "[key]"):
            return f"  accounts.{_cut(str(name))}: is no name of an account: {problem['msg']}"
        case ("accounts", name):  # it may be a key that was put beside the tables
            return f"  accounts.{name}: must be a table of settings, [accounts.NAME]"
        case ("accounts", name, setting, *_):
            return _explain_setting(problem, ("accounts", name, setting), AccountTable)
        case (setting, *_):
            return _explain_setting(problem, (str(setting),), Settings)
        case _:
            return f"  {problem['msg']}"


def _explain_setting(
    problem: Any, path: tuple[str, ...], model: type[Settings | AccountTable]
) -> str:
    where = f"  {'.'.join(path)} ({variable(*path)})"
    field = model.model_fields.get(path[-1])
    if field is None:
        return f"{where}: no such setting{_nearest(path[-1], model.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ")
    is_secret = path == (ACCOUNTS,) or "Secret" in str(field.annotation)
    return f"{where}: {message}" + ("" if is_secret else f" (got {_shown(problem['input'])})")


def _nearest(name: str, known: Iterable[str]) -> str:
    if is_nearly_of_an_account(name, AccountTable.model_fields):
        return f"; {variable(ACCOUNTS, 'NAME', 'vendor_api_key')} is one of an account"
    near = difflib.get_close_matches(name.lower(), known, 1)
    return f"; {near[0]}?" if near else ""


def _shown(value: object) -> str:
    """The value without what may be a password or token in a URL, and not at any length."""
    text = re.sub(r"//.*@", "//…@", repr(value))
    return _cut(re.sub(r"([?&][^=&]*=)[^&'\"]*", r"\1…", text))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
