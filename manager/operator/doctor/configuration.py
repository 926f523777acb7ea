"""Configuration: each setting and where it is from, what is misspelt, what is risky."""

from __future__ import annotations

import os
import platform
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.doctor.risks import RISKS
from manager.operator.words import counted
from manager.settings.accounts import AccountTable
from manager.settings.model import Settings
from manager.settings.names import ACCOUNTS, CONFIG, PREFIX, given, is_of_an_account
from manager.settings.origins import Origin, Reading
from manager.settings.origins import Path as Setting
from manager.settings.sources import CONNECTION_FILE
from manager.vendor.agent import our_version

SECRET_WORDS = ("pass", "secret", "token")
# What Kubernetes sets for a Service of our name.
OTHERS = ("_SERVICE_HOST", "_SERVICE_PORT", "_PORT", "_TCP", "_UDP", "_ADDR", "_PROTO")


@dataclass(frozen=True, slots=True)
class Value:
    """A setting for people: its value with what is secret left out, and where that is from.

    account: whose it is, where it stands in an account's table. over: where else it is said.
    """

    name: str
    account: str | None
    value: Any
    origin: str
    place: str
    over: tuple[str, ...]


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    yield from each((_program, _wrong, _given, _unknown, _files), case.reading)
    yield from each(RISKS, case.settings)


def values(reading: Reading) -> list[Value]:
    """Every setting, then those of each account's table."""
    settings = reading.settings
    paths: list[Setting] = [(name,) for name in Settings.model_fields if name != ACCOUNTS]
    for name, table in settings.accounts.items():
        said = [it for it in AccountTable.model_fields if getattr(table, it) is not None]
        paths += [(ACCOUNTS, name, setting) for setting in said]
    return [_value(reading, path) for path in paths]


def _value(reading: Reading, path: Setting) -> Value:
    holder = reading.settings.accounts[path[1]] if len(path) == 3 else reading.settings
    origin, *over = reading.origins.get(path, [Origin("default")])
    return Value(
        name=path[-1],
        account=path[1] if len(path) == 3 else None,
        value=shown(getattr(holder, path[-1])),
        origin=origin.kind,
        place=origin.place,
        over=tuple(it.place or it.kind for it in over),
    )


def shown(value: Any) -> Any:
    """A value without what is secret in it; a key is hidden as a whole."""
    match value:
        case SecretStr():
            text = value.get_secret_value()
            return without_secrets(text) if "://" in text else "set, hidden"
        case Path():
            return str(value)
        case dict():
            return {name: _hidden(it) for name, it in value.items()}
        case list() | tuple():
            return [without_query(it) if isinstance(it, str) else shown(it) for it in value]
        case _:
            return value


def _hidden(value: Any) -> Any:
    secret = isinstance(value, SecretStr | list)
    return "set, hidden" if secret else shown(value)


def without_query(url: str) -> str:
    """The target's URL without what may be a token in it; what is no URL as it is."""
    return re.sub(r"(://[^?]*)\?.*", r"\1?…", url)


def without_secrets(url: str) -> str:
    """The URL without passwords, whether they stand before the host or among the parameters."""
    scheme, separator, rest = url.partition("://")
    entry, mark, query = rest.partition("?")
    authority, slash, path = entry.partition("/")
    user, at, hosts = authority.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = "&".join(map(_parameter, query.split("&")))
    return f"{scheme}{separator}{name}{colon and ':…'}{at}{hosts}{slash}{path}{mark}{shown}"


def _parameter(text: str) -> str:
    name, equals, value = text.partition("=")
    return f"{name}=…" if any(it in name.lower() for it in SECRET_WORDS) else name + equals + value


def _program(_: Reading) -> Iterator[Finding]:
    system = f"{platform.system()} {platform.release()} ({platform.machine()})"
    yield ok("program", f"enrichd {our_version()}, Python {platform.python_version()}, {system}")


def _wrong(reading: Reading) -> Iterator[Finding]:
    for line in reading.wrong:
        yield problem(
            "settings",
            f"{line if line.endswith('?') else line.rstrip('.') + '.'} No process starts like this",
            "Correct it; what follows here was looked at with the default in its place.",
        )


def _given(reading: Reading) -> Iterator[Finding]:
    """What is not a default."""
    listed = values(reading)
    for it in listed:
        if it.origin == "default":
            continue
        name = f"{it.name} of account {it.account}" if it.account else it.name
        where = it.place or "an argument"
        over = f", over {', '.join(it.over)}" if it.over else ""
        yield ok(name, f"{it.value} (from {where}{over})")
    defaults = sum(it.origin == "default" for it in listed)
    yield ok("defaults", f"{counted(defaults, 'other setting')} as config/enrichd.toml shows them")


def _unknown(reading: Reading) -> Iterator[Finding]:
    """Variables with our prefix that are nothing of ours: what is nearly ours is wrong already."""
    known = {"config", *Settings.model_fields, *(path[0] for path in reading.origins)}
    unknown = [name for name in given() if name not in known and not is_of_an_account(name)]
    if unknown:
        names = ", ".join(sorted(PREFIX + name.upper() for name in unknown))
        others = all(name.upper().endswith(OTHERS) for name in unknown)
        yield warning(
            "variables",
            f"{names}: no such setting; ignored"
            + (". They look like Kubernetes' own for a Service of our name" if others else ""),
            "Set enableServiceLinks: false on the pods." if others else "Unset it, or correct it.",
        )


def _files(reading: Reading) -> Iterator[Finding]:
    """Files with secrets in them that others may read, and a data directory without servers."""
    secret = [origins for path, origins in reading.origins.items() if path[-1] in _SECRETS]
    files = {it.place for origins in secret for it in origins if it.kind != "environment"}
    for place in sorted(files):
        if place and (mode := _mode(Path(place))) & (stat.S_IRGRP | stat.S_IROTH):
            yield warning(
                "files",
                f"{place} has a secret in it, and others may read it (mode {mode:o})",
                f"chmod 600 {place}, or give secrets by environment.",
            )
    data_dir = reading.settings.data_dir
    if data_dir and not (data_dir / CONNECTION_FILE).exists():
        yield warning(
            "data_dir",
            f"{data_dir} has no {CONNECTION_FILE}: no `enrichd up --embedded` has run there yet",
            f"Run `enrichd up --embedded --data-dir {data_dir}`, or unset ENRICHD_DATA_DIR.",
        )
    if not os.environ.get(CONFIG):
        yield ok("file", f"none: {CONFIG} is not set")


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


_SECRETS = {
    name
    for model in (Settings, AccountTable)
    for name, field in model.model_fields.items()
    if "Secret" in str(field.annotation)
}
