"""What is wrong with an account is told with its table, setting, value and variable."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from manager import ConfigurationError, load_settings
from manager.settings import AccountSettings
from tests.settings.reading import refusal, told


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("cap", "0", "greater than or equal to 1 (got '0')"),
        ("cap", "101", "less than or equal to 100 (got '101')"),
        ("vendor_calls_per_minute", "0", "greater than or equal to 1 (got '0')"),
        ("vendor_url", "x.example", "http:// or https:// URL with a host (got 'x.example')"),
    ],
)
def test_a_bad_value_of_an_account_is_told_as_one_of_the_common_settings_is(
    name: str, value: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ENRICHD_ACCOUNTS__ALPHA__{name.upper()}", value)
    [_, line] = refusal().splitlines()
    assert line.startswith(f"  accounts.alpha.{name} (ENRICHD_ACCOUNTS__ALPHA__{name.upper()}): ")
    assert line.endswith(limit)


def test_a_bad_value_in_a_table_is_told_with_the_variable_that_would_go_over_it(
    configure: Any,
) -> None:
    configure("[accounts.alpha]\ncap = 0")
    [_, line] = refusal().splitlines()
    assert line == (
        "  accounts.alpha.cap (ENRICHD_ACCOUNTS__ALPHA__CAP): "
        "Input should be greater than or equal to 1 (got 0)"
    )


def test_what_is_wrong_with_accounts_is_told_at_once_with_the_rest(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('linger = -1\n[accounts.alpha]\ncap = 0\ncaps = 1\n[accounts.beta]\nvendor_url = "x"')
    monkeypatch.setenv("ENRICHD_ACCOUNTS__GAMMA__VENDOR_API_KYE", "s3cr3t")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__BETA__CAP", "many")
    assert told(refusal()) == [
        "accounts.alpha.cap",
        "accounts.alpha.caps",
        "accounts.beta.cap",
        "accounts.beta.vendor_url",
        "accounts.gamma.vendor_api_kye",
        "linger",
    ]


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_unknown_setting_of_an_account_is_refused_and_the_nearest_is_told(
    where: str, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "environment":
        monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KYE", "s3cr3t")
    else:
        configure('[accounts.alpha]\nvendor_api_kye = "s3cr3t"')
    assert refusal().splitlines()[1:] == [
        "  accounts.alpha.vendor_api_kye (ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KYE): "
        "no such setting; vendor_api_key?"
    ]


def test_a_common_setting_is_none_of_an_account(configure: Any) -> None:
    configure("[accounts.alpha]\nlinger = 5")
    assert told(refusal()) == ["accounts.alpha.linger"]


@pytest.mark.parametrize(
    "name",
    [
        "ACCOUNT__ALPHA__VENDOR_API_KEY",
        "ACOUNTS__ALPHA__CAP",
        "ACCOUNTS_ALPHA_VENDOR_API_KEY",
        "ACCOUNTS__ALPHA_CAP",
        "ACCOUNTS__ALPHA",
    ],
)
def test_a_variable_that_is_nearly_one_of_an_account_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ENRICHD_{name}", "s3cr3t")
    [_, line] = refusal().splitlines()
    assert line == (
        f"  {name.lower()} (ENRICHD_{name}): no such setting; "
        "ENRICHD_ACCOUNTS__NAME__VENDOR_API_KEY is one of an account"
    )


def test_variables_of_a_service_called_account_are_no_concern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNT_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("ENRICHD_ACCOUNTS_PORT_80_TCP_ADDR", "10.0.0.1")
    load_settings()


@pytest.mark.parametrize("name", ["a b", "ä", "a/b", "", "x" * 64])
def test_a_bad_name_of_an_account_is_refused_with_the_rule(name: str, configure: Any) -> None:
    configure(f'[accounts."{name}"]\ncap = 2')
    [_, line] = refusal().splitlines()
    assert line.startswith(f"  accounts.{name[:50]}")
    assert "^[A-Za-z0-9_.-]{1,63}$" in line


def test_a_bad_name_in_a_variable_is_refused_with_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNTS__A B__CAP", "2")
    assert "  accounts.a b: is no name of an account" in refusal()


@pytest.mark.parametrize("content", ["[accounts.alpha]\n[accounts.Alpha]", "[accounts.Default]"])
def test_two_accounts_that_differ_only_in_case_are_refused(content: str, configure: Any) -> None:
    configure(content)
    assert "differ only in case" in refusal()


@pytest.mark.parametrize(
    ("content", "name"),
    [('accounts = "s3cr3t"', "accounts"), ('accounts.vendor_api_key = "s3cr3t"', "accounts.vend")],
)
def test_what_is_no_table_is_refused_and_not_shown(content: str, name: str, configure: Any) -> None:
    configure(content)
    [_, line] = refusal().splitlines()
    assert line.startswith(f"  {name}")
    assert "[accounts.NAME]" in line
    assert "s3cr3t" not in line


def test_accounts_as_json_are_refused_even_beside_variables_of_accounts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNTS", '{"alpha": {"vendor_api_key": "s3cr3t"}}')
    monkeypatch.setenv("ENRICHD_ACCOUNTS__BETA__CAP", "2")
    message = refusal()
    assert "  accounts (ENRICHD_ACCOUNTS): must be tables, [accounts.NAME]" in message
    assert "s3cr3t" not in message


# Secrets


def test_the_key_of_an_account_is_not_shown(configure: Any) -> None:
    configure('[accounts.alpha]\nvendor_api_key = "s3cr3t"')
    loaded = load_settings()
    [alpha] = loaded.served
    assert isinstance(alpha, AccountSettings)
    shown = [repr(loaded), str(loaded), loaded.model_dump_json(), repr(loaded.model_dump())]
    shown += [repr(alpha), str(alpha), repr(loaded.accounts)]
    assert [it for it in shown if "s3cr3t" in it] == []
    assert alpha.api_key == "s3cr3t"


@pytest.mark.parametrize(
    "table",
    [
        'vendor_api_key = ["s3cr3t"]',
        'vendor_api_key = {key = "s3cr3t"}',
        'vendor_key = "s3cr3t"',
        'vendor_url = "https://u:s3cr3t@h"',
        'vendor_url = "https://u:x/s3cr3t@h"',
    ],
)
def test_no_error_about_an_account_has_a_secret_in_it(table: str, configure: Any) -> None:
    configure(f"[accounts.alpha]\n{table}")
    with pytest.raises(ConfigurationError):
        load_settings()
    try:
        load_settings()
    except ConfigurationError:
        assert "s3cr3t" not in traceback.format_exc()
