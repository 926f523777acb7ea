"""Configuration: the files in config/ are true, sources have their order, bad values stop."""

from __future__ import annotations

import inspect
import itertools
import json
import logging
import os
import re
import subprocess
import tomllib
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from manager import ConfigurationError, Manager, Settings, load_settings
from manager.run.processes import module

CONFIG = Path(__file__).parents[1] / "config"
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
SECRETS = {"database_url", "redis_url", "vendor_api_key"}
# A setting that is commented out has no space after the sign, prose has one.
SETTING = re.compile(r"^#(?=[a-z_]+ = | {4}|\])", re.MULTILINE)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Write a configuration file and name it in the environment."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "enrichd.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv("ENRICHD_CONFIG", str(path))
        return path

    return write


def values(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in DEFAULTS}


def refusal(**overrides: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    return str(caught.value)


# The files


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
    assert {name for name in DEFAULTS if loaded[name] != DEFAULTS[name]} == unset


def test_what_the_default_file_shows_of_secrets_is_to_be_filled_in() -> None:
    shown = uncommented()
    words = {name: re.findall(r"[A-Za-z]+", shown[name]) for name in SECRETS}
    fixed = {"postgresql", "redis"}
    assert all(word.isupper() for name in SECRETS for word in words[name] if word not in fixed)


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_default_file_explains_a_setting_as_the_code_does(name: str) -> None:
    found = re.search(rf"((?:^# .+\n)+)#{name} = ", default_file(), re.MULTILINE)
    assert found is not None
    explanation = " ".join(re.sub(r"^# ", "", found[1], flags=re.MULTILINE).split())
    unset = ". Not set by default" if DEFAULTS[name] is None else ""
    description = str(Settings.model_fields[name].description)
    if "default:" in description:
        unset = ""
    assert explanation == f"{description}{unset}."


def test_the_default_file_has_the_groups_of_the_code() -> None:
    in_code = re.findall(r"^    # (.+)$", inspect.getsource(Settings), re.MULTILINE)
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


# Where values come from


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


# Bad values


@pytest.mark.parametrize(
    ("name", "value", "shown", "limit"),
    [
        ("cap", "0", "'0'", "greater than or equal to 1"),
        ("cap", "101", "'101'", "less than or equal to 100"),
        ("cap", "many", "'many'", "valid integer"),
        ("job_size", "10001", "'10001'", "less than or equal to 10000"),
        ("linger", "-1", "'-1'", "greater than or equal to 0"),
        ("linger", "nan", "'nan'", "less than or equal to 2592000"),
        ("poll_min", "0", "'0'", "greater than 0"),
        ("poll_max", "1.5", "'1.5'", "must not be less than poll_min, 2"),
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
    told = re.findall(r"^  (\w+) ", refusal(redis_url="http://x"), re.MULTILINE)
    assert sorted(told) == [
        "cap",
        "caps",
        "linger",
        "lingre",
        "redis_url",
        "vendor_download_hosts",
    ]


def test_a_limit_that_follows_from_another_setting_holds_with_defaults_too() -> None:
    assert "must not be less than poll_min, 90 (got 60.0)" in refusal(poll_min=90)
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


# Secrets


def everything_shown(settings: Settings) -> Iterable[str]:
    yield from (repr(settings), str(settings), f"{settings}", settings.model_dump_json())
    yield repr(settings.model_dump())
    yield logging.makeLogRecord({"msg": "%s", "args": (settings,)}).getMessage()
    try:
        settings.cap = 1  # type: ignore[misc]
    except ValidationError:
        yield traceback.format_exc()


def test_secrets_are_not_shown_by_settings() -> None:
    loaded = load_settings(
        database_url="postgresql://u:s3cr3t@h/d",
        redis_url="redis://:s3cr3t@h",
        vendor_api_key="s3cr3t",
    )
    assert [shown for shown in everything_shown(loaded) if "s3cr3t" in shown] == []
    assert loaded.postgres.count("s3cr3t") == loaded.redis.count("s3cr3t") == 1
    assert loaded.api_key == "s3cr3t"


def test_what_is_typed_as_secret_is_what_the_files_call_secret() -> None:
    assert {n for n, it in Settings.model_fields.items() if "Secret" in str(it.annotation)} == (
        SECRETS
    )


@given(
    name=st.sampled_from(sorted(SECRETS)),
    before=st.sampled_from(["postgresql://u:", "redis://u:", "mysql://u:", "rediss://", "", "//"]),
    password=st.text(max_size=8).map("s3cr3t{}".format),
    after=st.sampled_from(["@h/d", "@[::1", "@h:port/", "", "/x@h", "#@h", "?x=%zz", "@h/d?a=b&c"]),
)
def test_no_error_about_a_secret_has_it_in_its_message_or_traceback(
    name: str, before: str, password: str, after: str
) -> None:
    value: dict[str, Any] = {name: f"{before}{password}{after}"}
    for make in (load_settings, Settings):
        try:
            make(**value)
        except (ConfigurationError, ValidationError):
            assert "s3cr3t" not in traceback.format_exc()


def test_a_secret_of_the_wrong_type_is_not_shown(configure: Any) -> None:
    configure('vendor_api_key = ["s3cr3t"]\n[database_url]\npassword = "s3cr3t"')
    message = refusal()
    assert "vendor_api_key" in message
    assert "database_url" in message
    assert "s3cr3t" not in message


@pytest.mark.parametrize(
    "url", ["https://u:s3cr3t@h", "https://u:s3/cr3t@h", "ftp://s3cr3t@h", "https://:s3cr3t@h:port"]
)
def test_a_password_in_the_vendors_url_is_refused_and_not_shown(url: str) -> None:
    message = refusal(vendor_url=url)
    assert "vendor_url" in message
    assert "cr3t" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cr3t@[::1/d",
        "postgresql://u:s3cr3t@h/d?nonsense=1",
        "postgresql://u:p@s3:cr3t@h/d",
        "postgresql://u:12/s3cr3t@h/d",
        "postgresql://u:p/s3cr3t@h/d",
        "redis://:p/s3cr3t@h",
        "redis://:12/s3cr3t@h",
        "redis://:12#s3cr3t@h",
        "redis://:p@s3cr3t@h",
        "redis://h:port",
        "redis://[::1",
    ],
)
def test_a_url_that_a_driver_would_complain_about_with_the_password_is_refused(url: str) -> None:
    name = "redis_url" if url.startswith("redis") else "database_url"
    assert "not a valid URL; special characters in it must be percent-enc" in refusal(**{name: url})


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql://u:p%40%2F%3A@h:5432/d?sslmode=require"),
        ("database_url", "postgresql://h1:5432,h2:5433/d?target_session_attrs=read-write"),
        ("database_url", "postgresql://u@/d?host=/run/postgresql"),
        ("database_url", "postgresql:///d?user=a@b"),
        ("redis_url", "redis://:p%40%2F@h:6379/0"),
        ("redis_url", "rediss://h"),
        ("redis_url", "unix:///run/redis.sock?db=1"),
    ],
)
def test_every_kind_of_url_is_accepted(name: str, url: str) -> None:
    value: SecretStr = getattr(load_settings(**{name: url}), name)
    assert value.get_secret_value() == url
