"""Settings come from arguments, environment, data directory and file, in this order."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from manager import load_settings
from tests.settings.reading import DEFAULTS, values


@pytest.mark.parametrize(
    "given",
    [set(chosen) for n in range(5) for chosen in itertools.combinations(range(4), n)],
    ids=str,
)
def test_arguments_go_over_environment_over_data_directory_over_file_over_default(
    given: set[int], configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"linger": 40} if 0 in given else {}
    if 1 in given:
        monkeypatch.setenv("ENRICHD_LINGER", "41")
    if 2 in given:
        (tmp_path / "connection.json").write_text('{"linger": 42}')
    monkeypatch.setenv("ENRICHD_DATA_DIR", str(tmp_path))
    configure("linger = 43" if 3 in given else "")
    assert load_settings(**arguments).linger == (40 + min(given) if given else DEFAULTS["linger"])


@pytest.mark.parametrize("how", ["argument", "environment", "file"])
def test_a_data_directory_brings_its_servers_however_it_is_named(
    how: str, configure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"database_url": "postgresql://there/db", "pid": 1, "from another version": True}
    (tmp_path / "connection.json").write_text(json.dumps(content))
    if how == "environment":
        monkeypatch.setenv("ENRICHD_DATA_DIR", str(tmp_path))
    if how == "file":
        configure(f"data_dir = {json.dumps(str(tmp_path))}")
    loaded = load_settings(data_dir=tmp_path) if how == "argument" else load_settings()
    assert loaded.postgres == "postgresql://there/db"
    assert loaded.data_dir == tmp_path


def test_a_data_directory_without_servers_yet_brings_nothing(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path / "new").database_url is None


def test_lists_and_tables_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHD_VENDOR_DOWNLOAD_HOSTS", '["a.example", "b.example"]')
    monkeypatch.setenv("ENRICHD_FAULT_POINTS", '{"before x": "kill"}')
    loaded = load_settings()
    assert loaded.vendor_download_hosts == ["a.example", "b.example"]
    assert loaded.fault_points == {"before x": "kill"}


def test_an_empty_variable_counts_as_not_set(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('webhook_url = "https://file.example"')
    for name in DEFAULTS:
        monkeypatch.setenv(f"ENRICHD_{name.upper()}", "")
    monkeypatch.setenv("ENRICHD_NO_SETTING", "")
    assert values(load_settings()) == DEFAULTS | {"webhook_url": "https://file.example"}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_url_may_be_written_as_for_sqlalchemy(scheme: str) -> None:
    assert load_settings(database_url=f"{scheme}://a:b@c/d").postgres == "postgresql://a:b@c/d"
