"""Bad values stop the start, all at once, each with its setting, value and limit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from manager import ConfigurationError, Manager, load_settings
from manager.run.processes import module
from tests.settings.reading import DEFAULTS, refusal, told, values


@pytest.mark.parametrize(
    ("name", "value", "shown", "limit"),
    [
        ("cap", "0", "'0'", "greater than or equal to 1"),
        ("cap", "101", "'101'", "less than or equal to 100"),
        ("cap", "many", "'many'", "valid integer"),
        ("job_size", "10001", "'10001'", "less than or equal to 10000"),
        ("linger", "-1", "'-1'", "greater than or equal to 0"),
        ("linger", "nan", "'nan'", "less than or equal to 2592000"),
        ("look_min", "0", "'0'", "greater than 0"),
        ("look_max", "0.5", "'0.5'", "must not be less than look_min, 1"),
        ("overdue_factor", "0.9", "'0.9'", "greater than or equal to 1"),
        ("keep_files", "-1", "'-1'", "greater than or equal to 0"),
        ("backoff_max", "1", "'1'", "must not be less than backoff_base, 2"),
        ("stalled_after", "14", "'14'", "greater than or equal to 15"),
        ("web_port", "tcp://10.0.0.1:8460", "'tcp://10.0.0.1:8460'", "valid integer"),
        ("log_level", "LOUD", "'LOUD'", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("database_schema", "a; drop", "'a; drop'", "^[a-z_][a-z0-9_]{0,62}$"),
        ("vendor_url", "api.example", "'api.example'", "http:// or https:// URL with a host"),
        ("vendor_url", "https://a.example:port", "'https://a.example:port'", "not a valid URL"),
        ("webhook_url", "https://a.example/?x", "'https://a.example/?x'", "query"),
        ("vendor_download_hosts", "a.example", "'a.example'", "must be JSON"),
        ("vendor_download_hosts", "[1]", "1", "valid string"),
        ("fault_points", '{"before x": 1}', "1", "valid string"),
        ("account", "x" * 5000, f"'{'x' * 59}… (5002 characters)", "^[A-Za-z0-9_.-]{1,63}$"),
    ],
)
def test_a_bad_value_stops_with_its_setting_value_and_limit(
    name: str, value: str, shown: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ENRICHD_{name.upper()}", value)
    [_, line] = refusal().splitlines()
    assert line.startswith(f"  {name} (ENRICHD_{name.upper()}): ")
    assert limit in line
    assert line.endswith(f"(got {shown})")


def test_a_bad_value_is_shown_wherever_it_comes_from(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("linger = -2")
    monkeypatch.setenv("ENRICHD_CAP", "7")
    message = refusal(cap=-3)
    assert "(got -2)" in message
    assert "(got -3)" in message


def test_all_bad_values_are_named_at_once(configure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("linger = -1\nlingre = 5")
    monkeypatch.setenv("ENRICHD_CAP", "0")
    monkeypatch.setenv("ENRICHD_VENDOR_DOWNLOAD_HOSTS", "[")
    monkeypatch.setenv("ENRICHD_CAPS", "5")
    assert told(refusal(redis_url="http://x")) == [
        "cap",
        "caps",
        "linger",
        "lingre",
        "redis_url",
        "vendor_download_hosts",
    ]


def test_a_limit_that_follows_from_another_setting_holds_with_defaults_too() -> None:
    assert "must not be less than look_min, 90 (got 60.0)" in refusal(look_min=90)
    assert "must be at least twice sweep_interval, 40 (got 60.0)" in refusal(sweep_interval=40)
    assert load_settings(sweep_interval=40, stalled_after=80).stalled_after == 80


@pytest.mark.parametrize("where", ["environment", "file", "argument"])
def test_an_unknown_name_is_refused_and_the_nearest_is_told(
    where: str, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: dict[str, Any] = {}
    if where == "environment":
        monkeypatch.setenv("ENRICHD_VENDOR_API_KEYS", "s3cr3t")
    elif where == "file":
        configure('vendor_api_keys = "s3cr3t"')
    else:
        arguments = {"vendor_api_keys": "s3cr3t"}
    assert refusal(**arguments).splitlines()[1:] == [
        "  vendor_api_keys (ENRICHD_VENDOR_API_KEYS): no such setting; vendor_api_key?"
    ]


def test_variables_of_others_are_no_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICH_CAP", "x")
    monkeypatch.setenv("ENRICHD_WEB_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CAP", "x")
    assert values(load_settings()) == DEFAULTS


@pytest.mark.parametrize(
    ("content", "why"), [("cap = ", "is not valid TOML"), (b"\xff", "is not valid TOML")]
)
def test_a_file_that_is_not_toml_stops_with_its_path(
    content: str | bytes, why: str, configure: Any
) -> None:
    path = configure(content)
    assert f"The configuration file {path} {why}" in refusal()


def test_a_file_that_cannot_be_read_stops_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        monkeypatch.setenv("ENRICHD_CONFIG", str(path))
        assert f"The configuration file {path} cannot be read" in refusal()


@pytest.mark.parametrize("content", ["[1]", "{", "\udcff"])
def test_a_connection_file_that_is_none_stops_with_its_path(content: str, tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert f"{path} is not what `enrichd up --embedded` writes" in refusal(data_dir=tmp_path)


def test_a_data_directory_that_is_a_file_stops_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert f"{path / 'connection.json'} cannot be read" in refusal(data_dir=path)


def test_what_is_missing_is_named_with_the_ways_to_give_it() -> None:
    with pytest.raises(ConfigurationError, match=r"ENRICHD_DATABASE_URL .*--data-dir"):
        Manager()


@pytest.mark.parametrize("command", [("manager", "status"), ("tasks", "worker"), ("tasks", "beat")])
def test_a_process_does_not_start_with_a_bad_value(command: tuple[str, str]) -> None:
    environment = os.environ | {"ENRICHD_LINGER": "-1", "ENRICHD_DATABASE_URL": "mysql://s3cr3t"}
    run = subprocess.run(
        module(*command), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("enrichd: The configuration is wrong:\n")
    assert "linger (ENRICHD_LINGER): Input should be greater than or equal to 0" in run.stderr
    assert "s3cr3t" not in run.stderr
    assert "Traceback" not in run.stderr
