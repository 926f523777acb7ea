"""The files in config/ are true: they name, explain and show what the code has."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from manager import Settings, load_settings
from manager.settings import AccountTable
from manager.settings.fields import Fields
from tests.settings.reading import CONFIG, DEFAULTS, SECRETS, values

# A setting that is commented out has no space after the sign, prose has one.
SETTING = re.compile(r"^#(?=[a-z_]+ = | {4}|\]|\[accounts)", re.MULTILINE)


def default_file() -> str:
    return (CONFIG / "enrichd.toml").read_text(encoding="utf-8")


def uncommented() -> dict[str, Any]:
    return tomllib.loads(SETTING.sub("", default_file()))


def test_the_default_file_changes_nothing_as_it_stands(configure: Any) -> None:
    configure(default_file())
    assert values(load_settings()) == DEFAULTS


def test_the_default_file_names_every_setting_in_the_order_of_the_code() -> None:
    assert list(uncommented()) == list(DEFAULTS)


def test_what_the_default_file_shows_are_the_defaults(configure: Any) -> None:
    configure(SETTING.sub("", default_file()))
    loaded = values(load_settings())
    unset = {name for name, default in DEFAULTS.items() if default is None}
    assert {name for name in DEFAULTS if loaded[name] is None} == set()
    assert {name for name in DEFAULTS if loaded[name] != DEFAULTS[name]} == {*unset, "accounts"}


def test_the_table_that_the_default_file_shows_names_every_setting_of_an_account() -> None:
    [table] = uncommented()["accounts"].values()
    assert list(table) == list(AccountTable.model_fields)
    assert all(DEFAULTS[name] == value for name, value in table.items() if name not in SECRETS)


def test_what_the_default_file_shows_of_secrets_is_to_be_filled_in() -> None:
    shown = uncommented()
    secrets = [shown[name] for name in SECRETS]
    secrets += [table["vendor_api_key"] for table in shown["accounts"].values()]
    words = [word for secret in secrets for word in re.findall(r"[A-Za-z]+", secret)]
    assert all(word.isupper() for word in words if word not in {"postgresql", "redis"})


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_default_file_explains_a_setting_as_the_code_does(name: str) -> None:
    line = r"\[accounts" if name == "accounts" else f"{name} = "
    unset = ". Not set by default" if DEFAULTS[name] is None else ""
    description = str(Settings.model_fields[name].description)
    if "default:" in description:
        unset = ""
    assert explanations(line) == [f"{description}{unset}."]


@pytest.mark.parametrize("name", AccountTable.model_fields)
def test_the_default_file_explains_a_setting_of_an_account_as_the_code_does(name: str) -> None:
    assert explanations(f"{name} = ", of_account=True) == [
        f"{AccountTable.model_fields[name].description}."
    ]


def explanations(line: str, of_account: bool = False) -> list[str]:
    """The prose before each line that begins so."""
    common, table, account = default_file().partition("#[accounts")
    text = account if of_account else common + table
    found = re.findall(rf"((?:^# .+\n)+)#{line}", text, re.MULTILINE)
    return [" ".join(re.sub(r"^# ", "", it, flags=re.MULTILINE).split()) for it in found]


def test_the_default_file_has_the_groups_of_the_code() -> None:
    in_code = re.findall(r"^    # (.+)$", inspect.getsource(Fields), re.MULTILINE)
    assert re.findall(r"^# ---- (.+) ----$", default_file(), re.MULTILINE) == in_code


def test_the_example_for_production_loads_and_has_no_secret(monkeypatch: Any) -> None:
    path = CONFIG / "production.toml"
    named = tomllib.loads(path.read_text(encoding="utf-8"))
    monkeypatch.setenv("ENRICHD_CONFIG", str(path))
    loaded = load_settings()
    assert {name: getattr(loaded, name) for name in named} == named | {
        "spool_dir": Path(named["spool_dir"])
    }
    assert loaded.webhook_url is not None
    assert loaded.webhook_url.startswith("https://")
    assert not SECRETS & named.keys()
