"""`enrichd accounts`, `pause` and `resume`."""

from __future__ import annotations

import pytest

from manager import Manager, Settings
from tests.cli.conftest import Call, run_sql


@pytest.mark.daemon
def test_status_is_1_while_the_account_is_paused_and_tells_why(here: Call) -> None:
    assert here("pause", "--reason", "no [red]credits[/red]", "--json").json == {
        "account": "default",
        "paused_reason": "no [red]credits[/red]",
    }
    try:
        done = here("status", "--json")
        assert (done.code, done.json["ok"]) == (1, False)
        [problem] = done.json["problems"]
        assert problem == {
            "code": "account-paused",
            "text": "paused: no [red]credits[/red]; nothing is at the vendor or to be merged",
            "way_out": "`enrichd resume` lets it go on.",
            "severity": "problem",
            "account": "default",
        }
        assert "problem paused: no [red]credits[/red]; nothing is at" in here("status").out
    finally:
        assert here("resume").out == "Account default submits again.\n"
    assert here("status").code == 0


@pytest.mark.integration
def test_accounts_are_listed_with_how_they_stand(
    settings: Settings, alone: Call, second: str
) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"], account=second)
    listed = {it["account"]: it for it in alone("accounts", "--json").json}
    assert set(listed) == {settings.account, second}
    ours, theirs = listed[settings.account], listed[second]
    assert (ours["slots"], theirs["slots"]) == (5, 3)
    assert (ours["standing"], theirs["open_requests"]) == ("works", 1)
    assert "not here" in theirs["standing"]
    assert f"\n{second} " in alone("accounts").out


@pytest.mark.integration
def test_an_account_is_renamed_with_all_that_it_bought(settings: Settings, alone: Call) -> None:
    request = Manager(settings).enqueue("domains", ["stripe.com"])
    done = alone("accounts", "rename", settings.account, "crm", "--json")
    assert (done.code, done.json) == (0, {"account": "crm", "was": settings.account})
    assert alone("requests", str(request.id), "--json").json["account"] == "crm"
    [listed] = alone("accounts", "--json").json
    assert listed["account"] == "crm"
    told = alone("accounts", "rename", "crm", settings.account).out
    assert "Name it so in the configuration" in told


@pytest.mark.integration
@pytest.mark.parametrize(
    ("old", "new", "code", "error"),
    [
        ("third", "crm", 1, "There is no account 'third' in the ledger; it has: "),
        ("second", "{ours}", 1, "There is an account '{ours}' already."),
        ("second", "a b", 2, "'a b' cannot be an account's name"),
        ("second", "", 2, "'' cannot be an account's name"),
    ],
)
def test_a_name_that_cannot_be_given_is_refused(
    settings: Settings, alone: Call, second: str, old: str, new: str, code: int, error: str
) -> None:
    done = alone("accounts", "rename", old, new.format(ours=settings.account))
    assert done.code == code
    assert error.format(ours=settings.account) in done.error
    assert second in {it["account"] for it in alone("accounts", "--json").json}


@pytest.mark.integration
def test_an_account_with_identifiers_that_wait_is_not_removed(
    settings: Settings, alone: Call, second: str
) -> None:
    request = Manager(settings).enqueue("domains", ["stripe.com"], account=second)
    refused = alone("accounts", "remove", second, "--yes")
    assert refused.code == 1
    assert f"The account '{second}' has 0 live jobs and 1 identifier waiting" in refused.error
    assert alone("cancel", str(request.id)).code == 0
    assert alone("accounts", "remove", second, stdin=b"n\n").code == 1
    assert alone("accounts", "remove", second, "--json").code == 2
    assert alone("slots", "--account", second).code == 0

    done = alone("accounts", "remove", second, "--yes")
    assert (done.code, done.out) == (
        0,
        f"Account {second} is removed. Take it out of the configuration, too.\n",
    )
    assert alone("slots", "--account", second).code == 1
    removed = {it["account"]: it["standing"] for it in alone("accounts", "--json").json}
    assert removed[second] == "removed"
    assert str(request.id) in alone("requests").out, "its history stays"


@pytest.mark.integration
def test_pause_and_resume_concern_the_named_account_alone(
    settings: Settings, alone: Call, second: str
) -> None:
    assert alone("pause", "--account", second).code == 0
    reasons = {it["account"]: it["paused_reason"] for it in alone("accounts", "--json").json}
    assert reasons == {settings.account: None, second: "by an operator"}
    assert alone("resume", "--account", second).out == f"Account {second} submits again.\n"
    reasons = {it["account"]: it["paused_reason"] for it in alone("accounts", "--json").json}
    assert reasons == {settings.account: None, second: None}


@pytest.mark.integration
def test_without_a_name_it_is_the_configured_account_or_the_only_one(
    settings: Settings, alone: Call, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alone("pause", "--json").json["account"] == settings.account
    monkeypatch.setenv("ENRICHD_ACCOUNT", "elsewhere")
    done = alone("pause")
    names = ", ".join(sorted([second, settings.account]))
    assert (done.code, done.error) == (
        2,
        f"enrichd: Which account? Name it with --account: {names}.",
    )
    run_sql(settings, f"UPDATE account SET removed_at = now() WHERE name = '{second}'")
    assert alone("resume", "--json").json["account"] == settings.account
    run_sql(settings, "UPDATE account SET removed_at = now()")
    none = alone("pause")
    assert none.code == 1
    assert "There is no account 'elsewhere' in the ledger; it has: none." in none.error


@pytest.mark.integration
def test_one_endpoint_can_be_paused_and_resumed(settings: Settings, alone: Call) -> None:
    done = alone("pause", "--endpoint", "person/enrich", "--reason", "too dear")
    assert done.out == f"Account {settings.account}, endpoint person/enrich, is paused: too dear.\n"
    status = alone("status", "--json").json
    [account] = status["accounts"]
    assert account["paused_endpoints"] == {"person/enrich": "too dear"}
    assert account["paused_reason"] is None
    texts = {it["code"]: it["text"] for it in status["problems"]}
    assert texts["endpoint-paused"] == "person/enrich is paused: too dear"
    assert alone("status").out.count("too dear") == 1
    assert alone("resume", "--endpoint", "person/contact/enrich").code == 0
    assert alone("status", "--json").json["accounts"][0]["paused_endpoints"]
    assert alone("resume", "--endpoint", "person/enrich").code == 0
    assert alone("status", "--json").json["accounts"][0]["paused_endpoints"] == {}
