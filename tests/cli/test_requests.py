"""`enrichd requests`: the requests of all accounts, or one of them."""

from __future__ import annotations

from datetime import datetime

import pytest

from manager import Manager, Settings
from tests.cli.conftest import Call, Installation


@pytest.fixture(scope="module")
def request_id(installation: Installation) -> str:
    """A finished request with one merged job, of fields that no other test asks for."""
    done = installation.enrichd(
        "enqueue", "-", "--fields", "hiring", "--wait", "--timeout", "60", "--json",
        stdin=b"stripe.com\nnasa.gov\n",
    )  # fmt: skip
    found: str = done.json["request_id"]
    return found


@pytest.mark.daemon
def test_requests_are_listed_newest_first_and_shown_one_by_one(here: Call, request_id: str) -> None:
    listed = here("requests", "--json").json
    assert [request["request_id"] for request in listed] == sorted(
        (request["request_id"] for request in listed), reverse=True
    )
    [mine] = [request for request in listed if request["request_id"] == request_id]
    assert (mine["type"], mine["fields"], mine["total"]) == ("domains", ["hiring"], 2)
    assert datetime.fromisoformat(mine["finished_at"]) > datetime.fromisoformat(mine["created_at"])
    shown = here("requests", request_id, "--json").json
    assert mine.items() <= shown.items()
    assert len(here("requests", "--limit", "1", "--json").json) == 1
    assert request_id in here("requests").out
    assert request_id in here("requests", request_id).out


@pytest.mark.integration
def test_requests_are_told_apart_by_account_and_endpoint(
    settings: Settings, alone: Call, second: str
) -> None:
    manager = Manager(settings)
    ours = manager.enqueue("domains", ["stripe.com"])
    theirs = manager.enqueue(
        "business_emails", ["a@stripe.com"], endpoint="person/enrich", account=second
    )

    def found(*options: str) -> list[str]:
        return [it["request_id"] for it in alone("requests", *options, "--json").json]

    assert found() == [str(theirs.id), str(ours.id)]
    assert found("--account", second) == [str(theirs.id)]
    assert found("--endpoint", "company/enrich") == [str(ours.id)]
    assert found("--account", second, "--endpoint", "company/enrich") == []
    shown = alone("requests", str(theirs.id), "--json").json
    assert (shown["account"], shown["endpoint"]) == (second, "person/enrich")
    assert second in alone("requests").out.splitlines()[1]


@pytest.mark.integration
@pytest.mark.parametrize("command", ["requests", "jobs", "slots", "vendor-jobs", "pause", "resume"])
def test_an_account_that_is_not_there_is_named_with_those_that_are(
    settings: Settings, alone: Call, second: str, command: str
) -> None:
    done = alone(command, "--account", "third")
    names = ", ".join(sorted([second, settings.account]))
    error = f"enrichd: There is no account 'third' in the ledger; it has: {names}."
    assert (done.code, done.error) == (1, error)


@pytest.mark.integration
@pytest.mark.parametrize("command", ["requests", "jobs", "pause", "resume"])
def test_an_endpoint_that_is_not_there_is_named_with_those_that_are(
    alone: Call, command: str
) -> None:
    done = alone(command, "--endpoint", "person")
    assert done.code == 2
    assert "endpoint: 'person' is not one of company/enrich, person/enrich, " in done.error
