"""Configuration: where each value is from, what would stop the start, what is risky; no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manager import Settings
from manager.operator.doctor import Finding, examine
from manager.operator.doctor.configuration import values, without_secrets
from manager.operator.doctor.risks import RISKS
from manager.settings.origins import read
from tests.operator.doctor.looking import only, troubles

A_USER = f"operator:sha256:{32 * '0'}:{64 * '0'}"
SECRETS = ("hunter2", "k3y-of-alpha", "k3y-of-all")


def looked(**arguments: Any) -> list[Finding]:
    return list(examine(read(**arguments), ["configuration"]).findings)


def risks(**changes: Any) -> list[tuple[str, str]]:
    """Level and subject of what is risky with these settings."""
    settings = Settings(**changes)
    return [(it.level, it.subject) for risk in RISKS for it in risk(settings)]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TOML file and variables, with secrets in all of them."""
    file = tmp_path / "enrichd.toml"
    file.write_text(
        'linger = 5\nsweep_interval = 3\nvendor_api_key = "k3y-of-all"\n'
        '[accounts.alpha]\ncap = 2\nvendor_api_key = "k3y-of-alpha"\n'
    )
    file.chmod(0o600)
    monkeypatch.setenv("ENRICHD_CONFIG", str(file))
    monkeypatch.setenv("ENRICHD_LINGER", "7")
    monkeypatch.setenv("ENRICHD_DATABASE_URL", "postgresql://me:hunter2@db/ledger?sslmode=require")
    monkeypatch.setenv("ENRICHD_REDIS_URL", "redis://h:6379/0?password=hunter2")
    return file


def test_each_setting_tells_where_it_is_from_and_what_it_goes_over(configure: Path) -> None:
    found = looked(sweep_interval=4.0)
    assert only(found, "linger").means == f"7.0 (from ENRICHD_LINGER, over {configure})"
    assert only(found, "sweep_interval").means == f"4.0 (from an argument, over {configure})"
    assert only(found, "cap of account alpha").means == f"2 (from {configure})"
    assert only(found, "defaults").means.endswith(
        " other settings as config/enrichd.toml shows them"
    )


def test_no_secret_is_shown(configure: Path) -> None:
    reading = read()
    told = repr(looked()) + repr(values(reading))
    assert not any(secret in told for secret in SECRETS)
    listed = {(it.account, it.name): it for it in values(reading)}
    assert listed[None, "database_url"].value == "postgresql://me:…@db/ledger?sslmode=require"
    assert listed[None, "redis_url"].value == "redis://h:6379/0?password=…"
    assert listed["alpha", "vendor_api_key"].value == "set, hidden"
    assert listed[None, "cap"].origin == "default"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://a@h/d", "postgresql://a@h/d"),
        ("postgresql://a:p%40ss@h1:1,h2:2/d", "postgresql://a:…@h1:1,h2:2/d"),
        ("postgresql:///d?host=/run&password=x", "postgresql:///d?host=/run&password=…"),
        ("postgresql://h/d?sslpassword=x&sslkey=/k", "postgresql://h/d?sslpassword=…&sslkey=/k"),
        ("redis://:x@h", "redis://:…@h"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
    ],
)
def test_a_url_is_shown_without_passwords(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_what_would_stop_the_start_is_told_at_once_and_the_rest_is_read(
    configure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_LINGRE", "5")
    monkeypatch.setenv("ENRICHD_CAP", "many")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__CAP", "900")
    monkeypatch.setenv("ENRICHD_LOOK_MIN", "100")
    monkeypatch.setenv("ENRICHD_LOOK_MAX", "3")
    found = looked()
    wrong = [it.means for it in found if it.subject == "settings"]
    assert [line.partition(" ")[0] for line in wrong] == [
        "cap",
        "look_max",
        "accounts.alpha.cap",
        "lingre",
    ]
    assert "linger?" in wrong[-1]
    reading = read()
    assert (reading.settings.cap, reading.settings.linger) == (5, 7)
    assert reading.settings.postgres.startswith("postgresql://me:")
    [alpha] = [it for it in reading.settings.served if it.name == "alpha"]
    assert alpha.api_key == "k3y-of-alpha"


@pytest.mark.parametrize("content", ["linger = ", None])
def test_a_file_that_cannot_be_read_is_a_problem_and_the_rest_is_read(
    configure: Path, content: str | None
) -> None:
    configure.unlink()
    if content:
        configure.write_text(content)
    found = looked()
    assert str(configure) in only(found, "settings").means
    assert only(found, "linger").means.startswith("7.0 ")


def test_variables_that_are_nothing_of_ours_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHD_WEB_SERVICE_HOST", "10.0.0.1")
    warning = only(looked(), "variables")
    assert warning.means.startswith("ENRICHD_WEB_SERVICE_HOST: no such setting")
    assert "enableServiceLinks" in warning.advice


def test_a_file_with_secrets_that_others_may_read_is_a_warning(configure: Path) -> None:
    assert ("warning", "files") not in troubles(looked())
    configure.chmod(0o644)
    assert "(mode 644)" in only(looked(), "files").means


def test_a_data_directory_without_servers_is_a_warning(tmp_path: Path) -> None:
    assert ("warning", "data_dir") in troubles(looked(data_dir=tmp_path))


def test_the_defaults_are_no_risk() -> None:
    assert risks() == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"vendor_url": "http://api.crustdata.com"}, ("problem", "vendor_url")),
        ({"vendor_url": "https://proxy.example"}, ("warning", "vendor_url")),
        ({"vendor_url": "http://127.0.0.1:1"}, ("warning", "vendor_url")),
        ({"vendor_api_key": "sandbox-key"}, ("problem", "vendor_api_key")),
        ({"cap": 6}, ("warning", "cap")),
        ({"webhook_url": "http://enrich.example.com"}, ("warning", "webhook_url")),
        ({"webhook_url": "https://10.1.2.3"}, ("warning", "webhook_url")),
        ({"webhook_url": "https://enrichd-web"}, ("warning", "webhook_url")),
        ({"web_host": "0.0.0.0"}, ("warning", "web_host")),
        ({"web_host": "0.0.0.0", "web_open": True}, ("warning", "web_open")),
        ({"web_host": "0.0.0.0", "web_users": {"anna": A_USER}}, ("warning", "web_host")),
        ({"resolve_window": 60}, ("warning", "resolve_window")),
        ({"resolve_margin": 1}, ("warning", "resolve_margin")),
        ({"resolve_margin": 200}, ("warning", "resolve_window")),
        ({"resolve_looks": 40}, ("warning", "resolve_looks")),
        ({"vendor_read_timeout": 3}, ("warning", "vendor_read_timeout")),
        ({"max_age": 0}, ("warning", "max_age")),
        ({"job_size": 10}, ("warning", "job_size")),
        ({"linger": 7200}, ("warning", "linger")),
        ({"vendor_api_version": "2024-01-01"}, ("warning", "vendor_api_version")),
        ({"merge_max_line": 2**30, "merge_max_bytes": 2**20}, ("warning", "merge_max_line")),
        ({"vendor_download_hosts": ["*"]}, ("warning", "vendor_download_hosts")),
        ({"vendor_download_hosts": ["*.com"]}, ("warning", "vendor_download_hosts")),
        ({"fault_points": {"x": "kill"}}, ("problem", "fault_points")),
        (
            {"accounts": {name: {"vendor_api_key": "the same key"} for name in ("a", "b")}},
            ("warning", "accounts"),
        ),
    ],
    ids=lambda it: str(it)[:40],
)
def test_what_contradicts_or_is_risky_is_told(
    changes: dict[str, Any], found: tuple[str, str]
) -> None:
    assert risks(**changes) == [found]


def test_sentences_end_once(configure: Path) -> None:
    configure.write_text('linger = "5')
    [line] = [it.means for it in looked() if it.subject == "settings"]
    assert ".." not in line
