"""Where each setting's value is from; and what can be read of a wrong configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from manager.settings import sources
from manager.settings.accounts import AccountTable
from manager.settings.load import explain
from manager.settings.model import Settings
from manager.settings.names import ACCOUNTS, variable
from manager.settings.sources import Kind, Source

Path = tuple[str, ...]
"""A setting: its name, or ("accounts", NAME, SETTING)."""


class Origin(NamedTuple):
    """Where a value is from. place: the variable or the file, "" for arguments and defaults."""

    kind: Kind
    place: str = ""


class Reading(NamedTuple):
    """The settings as far as they can be read.

    origins: of each setting that is given, where its value is from, then those that it goes over.
    wrong: what would stop the start, a line each; the settings have their defaults in its place.
    """

    settings: Settings
    origins: Mapping[Path, list[Origin]]
    wrong: list[str]


def read(**arguments: Any) -> Reading:
    """Read the settings as `load_settings` does, but go on where something is wrong."""
    wrong: list[str] = []
    found = sources.ordered(
        {name: value for name, value in arguments.items() if value is not None},
        EnvSettingsSource(Settings)(),
        Settings.model_fields,
        AccountTable.model_fields,
        trouble=lambda error: wrong.append(str(error)),
    )
    origins: dict[Path, list[Origin]] = {}
    merged: dict[str, Any] = {}
    for source in found:
        for path in _paths(source.values):
            origins.setdefault(path, []).append(_origin(source, path))
        merged = _over(merged, source.values)
    return Reading(_lenient(merged, wrong), origins, wrong)


class _Given(Settings):
    """Settings of nothing but their arguments."""

    # a default that does not go with what is given has been told of already
    model_config = SettingsConfigDict(validate_default=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _lenient(values: dict[str, Any], wrong: list[str]) -> Settings:
    """The settings without what is wrong, which is told in `wrong`."""
    try:
        return _Given(**values)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            wrong.append(explain(problem).strip())
            _remove(values, tuple(str(part) for part in problem["loc"]))
    return _lenient(values, wrong)  # each time with fewer


def _remove(values: dict[str, Any], path: Path) -> None:
    """Take a value out: of an account its setting, or its table if it is no table."""
    tables = values.get(ACCOUNTS)
    if path[0] != ACCOUNTS or len(path) == 1 or not isinstance(tables, dict):
        values.pop(path[0], None)
    elif len(path) > 2 and isinstance(tables.get(path[1]), dict) and path[2] in tables[path[1]]:
        del tables[path[1]][path[2]]
    else:
        tables.pop(path[1], None)


def _over(above: dict[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where they differ what is above."""
    merged = {
        name: _over({}, value) if isinstance(value, dict) else value
        for name, value in below.items()
    }
    for name, value in above.items():
        beneath = merged.get(name)
        if isinstance(value, dict) and isinstance(beneath, dict):
            merged[name] = _over(value, beneath)
        else:
            merged[name] = value
    return merged


def _paths(values: Mapping[str, Any]) -> Iterator[Path]:
    for name, value in values.items():
        if name != ACCOUNTS or not isinstance(value, dict):
            yield (name,)
            continue
        for account, table in value.items():
            if isinstance(table, dict):
                yield from ((ACCOUNTS, str(account), str(setting)) for setting in table)
            else:
                yield (ACCOUNTS, str(account))


def _origin(source: Source, path: Path) -> Origin:
    place = variable(*path) if source.kind == "environment" else source.path
    return Origin(source.kind, place)
