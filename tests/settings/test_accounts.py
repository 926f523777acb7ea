"""Accounts: their tables, their variables, and which of them a process serves."""

from __future__ import annotations

from typing import Any

import pytest

from manager import ConfigurationError, Settings, load_settings
from manager.settings import AccountSettings

TWO = """
cap = 4
vendor_url = "https://common.example"
[accounts.beta]
vendor_api_key = "beta's key"
[accounts.alpha]
vendor_api_key = "alpha's key"
vendor_url = "https://alpha.example/"
cap = 2
vendor_calls_per_minute = 60
"""


def served(settings: Settings) -> list[str]:
    return [account.name for account in settings.served]


def account(settings: Settings, name: str) -> AccountSettings:
    found = settings.served_account(name)
    assert found is not None
    return found


# Which accounts a process serves


def test_without_tables_the_single_account_is_served() -> None:
    [single] = load_settings(account="mine", vendor_api_key="its key", cap=3).served
    assert (single.name, single.api_key, single.cap) == ("mine", "its key", 3)
    assert single.vendor_url == "https://api.crustdata.com"
    assert single.vendor_calls_per_minute == 15


@pytest.mark.parametrize("key", [None, ""])
def test_without_anything_it_is_called_default_and_has_no_key(key: str | None) -> None:
    [single] = Settings(vendor_api_key=key).served
    assert (single.name, single.vendor_api_key) == ("default", None)


def test_with_tables_they_are_served_in_the_order_of_their_names(configure: Any) -> None:
    configure(TWO)
    assert served(load_settings()) == ["alpha", "beta"]


def test_an_account_that_is_not_served_is_none(configure: Any) -> None:
    configure(TWO)
    loaded = load_settings()
    assert loaded.served_account("default") is None
    assert account(loaded, "alpha").name == "alpha"


def test_a_key_outside_of_the_tables_has_the_single_account_served_beside_them(
    configure: Any,
) -> None:
    configure(TWO)
    loaded = load_settings(vendor_api_key="the default's key")
    assert served(loaded) == ["alpha", "beta", "default"]
    assert account(loaded, "default").api_key == "the default's key"


@pytest.mark.parametrize("empty", ["environment", "file"])
def test_an_empty_key_outside_of_the_tables_is_none(
    empty: str, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(('vendor_api_key = ""' if empty == "file" else "") + TWO)
    if empty == "environment":
        monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "")
    assert served(load_settings()) == ["alpha", "beta"]


def test_a_table_with_the_single_accounts_name_goes_over_it(configure: Any) -> None:
    configure('[accounts.mine]\nvendor_api_key = "of the table"\ncap = 2')
    [mine] = load_settings(account="mine", vendor_api_key="k", cap=9, vendor_url="https://x").served
    assert (mine.api_key, mine.cap, mine.vendor_url) == ("of the table", 2, "https://x")


def test_a_table_of_the_single_account_without_a_key_has_the_single_accounts(
    configure: Any,
) -> None:
    configure("[accounts.mine]\ncap = 2")
    [mine] = load_settings(account="mine", vendor_api_key="k").served
    assert (mine.api_key, mine.cap) == ("k", 2)


def test_settings_that_are_read_again_serve_the_same(configure: Any) -> None:
    configure(TWO)
    loaded = load_settings()
    assert Settings(**loaded.model_dump()).served == loaded.served


# What a table does not say


def test_a_table_says_what_is_its_own_and_takes_the_rest_from_the_common_settings(
    configure: Any,
) -> None:
    configure(TWO)
    loaded = load_settings()
    alpha, beta = account(loaded, "alpha"), account(loaded, "beta")
    assert (alpha.cap, alpha.vendor_url) == (2, "https://alpha.example")
    assert alpha.vendor_calls_per_minute == 60
    assert (beta.cap, beta.vendor_url) == (4, "https://common.example")
    assert beta.vendor_calls_per_minute == 15
    assert (alpha.api_key, beta.api_key) == ("alpha's key", "beta's key")


def test_the_tables_themselves_stay_as_they_were_given(configure: Any) -> None:
    configure(TWO)
    tables = load_settings().accounts
    assert list(tables) == ["beta", "alpha"]
    assert tables["beta"].cap is None


@pytest.mark.parametrize("key", [None, ""])
def test_no_account_is_given_the_key_of_another(key: str | None, configure: Any) -> None:
    configure("[accounts.alpha]\ncap = 2")
    loaded = load_settings(
        vendor_api_key="the default's key",
        accounts={"alpha": {"vendor_api_key": key}, "beta": {"vendor_api_key": "beta's key"}},
    )
    alpha = account(loaded, "alpha")
    assert alpha.vendor_api_key is None
    with pytest.raises(ConfigurationError, match="API key of account alpha is not set"):
        _ = alpha.api_key


def test_a_missing_key_is_told_with_the_two_ways_to_set_it(configure: Any) -> None:
    configure("[accounts.Alpha]")
    with pytest.raises(ConfigurationError) as caught:
        _ = account(load_settings(), "Alpha").api_key
    assert "ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KEY" in str(caught.value)
    assert "vendor_api_key in [accounts.Alpha], in the file" in str(caught.value)


def test_a_missing_key_of_the_single_account_is_told_with_its_two_ways() -> None:
    with pytest.raises(ConfigurationError) as caught:
        _ = account(load_settings(), "default").api_key
    assert "Set ENRICHD_VENDOR_API_KEY in the environment, or vendor_api_key" in str(caught.value)
    assert "ACCOUNTS" not in str(caught.value)


# Variables of an account


def test_a_variable_goes_over_the_table_setting_by_setting(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(TWO)
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KEY", "from outside")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__BETA__VENDOR_URL", "http://beta.example")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__BETA__CAP", "1")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__BETA__VENDOR_CALLS_PER_MINUTE", "7")
    loaded = load_settings()
    alpha, beta = account(loaded, "alpha"), account(loaded, "beta")
    assert (alpha.api_key, alpha.cap) == ("from outside", 2)
    assert (beta.api_key, beta.vendor_url) == ("beta's key", "http://beta.example")
    assert (beta.cap, beta.vendor_calls_per_minute) == (1, 7)


def test_arguments_go_over_the_variables_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__CAP", "2")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KEY", "its key")
    alpha = account(load_settings(accounts={"alpha": {"cap": 3}}), "alpha")
    assert (alpha.cap, alpha.api_key) == (3, "its key")


def test_variables_alone_make_an_account_with_its_name_in_lower_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__VENDOR_API_KEY", "its key")
    assert served(load_settings()) == ["alpha"]


@pytest.mark.parametrize("name", ["Alpha", "acme_EU", "acme__eu", "eu-West.1", "7"])
def test_a_variable_finds_the_account_of_the_file_whatever_its_case(
    name: str, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(f'[accounts."{name}"]\ncap = 2')
    monkeypatch.setenv(f"ENRICHD_ACCOUNTS__{name.upper()}__VENDOR_API_KEY", "its key")
    [found] = load_settings().served
    assert (found.name, found.cap, found.api_key) == (name, 2, "its key")


def test_a_variable_finds_the_single_account_too(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('account = "Mine"')
    monkeypatch.setenv("ENRICHD_ACCOUNTS__MINE__VENDOR_API_KEY", "its key")
    assert served(load_settings()) == ["Mine"]


def test_an_empty_variable_of_an_account_counts_as_not_set(
    configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(TWO)
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__CAP", "")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__GAMMA__VENDOR_API_KEY", "")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__ALPHA__NO_SETTING", "")
    loaded = load_settings()
    assert served(loaded) == ["alpha", "beta"]
    assert account(loaded, "alpha").cap == 2
