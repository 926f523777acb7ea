"""`enrichd lookup`: what is known already, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from manager import Manager, Settings
from manager.cli.lookup import guessed
from tests.cli.conftest import Call
from tests.client.settled import request_of

MakeFile = Callable[[str, "str | bytes"], str]


@pytest.mark.parametrize(
    ("written", "type"),
    [
        ("stripe.com", "domains"),
        ("https://www.stripe.com/about?x=1", "domains"),
        ("STRIPE.com.", "domains"),
        ("müller.example", "domains"),
        ("linkedin.com", "domains"),
        ("linkedin.com/company/stripe", "professional_network_profile_urls"),
        ("https://uk.linkedin.com/in/jo", "professional_network_profile_urls"),
        ("602014", "crustdata_company_ids"),
        ("0", "names"),
        ("jo@stripe.com", "business_emails"),
        ("Acme Inc", "names"),
        ("Stripe", "names"),
        ("AT&T", "names"),
        ("a@b@c", "names"),
        ("http://[", "names"),
    ],
)
def test_the_type_is_what_an_identifier_looks_like(written: str, type: str) -> None:
    assert guessed(written) == type


@pytest.mark.integration
def test_it_shows_the_record_where_it_is_from_and_how_old_it_is(
    settings: Settings, alone: Call
) -> None:
    request_of(settings, ['{"crustdata_company_id": 5, "info": {"name": "A\\u001b[31m [b]"}}'])
    done = alone("lookup", "https://company-0.example/about")
    first, second, *record = done.out.rstrip().splitlines()
    assert (done.code, done.err) == (0, "")
    assert first.startswith("https://company-0.example/about (domains): fulfilled 0 s ago, ")
    assert second.startswith("  account test, company/enrich, the default fields, job ")
    assert second.endswith(", id 5")
    shown = json.loads("\n".join(record))
    assert shown["info"]["name"] == "A\x1b[31m [b]"
    assert "\x1b" not in done.out


@pytest.mark.integration
def test_the_exit_code_says_whether_there_is_a_record_of_any(
    settings: Settings, alone: Call
) -> None:
    request_of(settings, ["{}"])
    Manager(settings).enqueue("domains", ["waits.example"])
    done = alone("lookup", "unknown.example", "waits.example")
    assert done.code == 1
    assert done.out.splitlines()[0] == "unknown.example (domains): never asked for"
    assert "waits.example (domains): waits to be packed into a job" in done.out
    assert alone("lookup", "unknown.example", "company-0.example").code == 0


@pytest.mark.integration
def test_programs_get_an_object_a_line_from_files_and_standard_input_too(
    settings: Settings, alone: Call, file: MakeFile
) -> None:
    request_of(settings, ['{"n": 1}'])
    written = "company-0.example\nunknown.example\n"
    for done in (
        alone("lookup", "--file", file("domains.txt", written), "--json"),
        alone("lookup", "-", "--json", stdin=written.encode()),
        alone("lookup", "company-0.example", "unknown.example", "--json"),
    ):
        found, unknown = map(json.loads, done.out.splitlines())
        assert done.code == 0
        assert (found["outcome"], found["record"], found["waiting"]) == (
            "fulfilled",
            {"n": 1},
            False,
        )
        assert (found["account"], found["fields"], found["age"] >= 0) == ("test", [], True)
        assert (unknown["outcome"], unknown["why"]) == (None, "never asked for")
        assert "history" not in found


@pytest.mark.integration
def test_a_file_is_read_as_its_reader_is_told(
    settings: Settings, alone: Call, file: MakeFile
) -> None:
    request_of(settings, ['{"n": 1}'])
    table = file("some.txt", "Größe~Domain\n5~company-0.example\n".encode("cp1252"))
    told = ("--encoding", "cp1252", "--delimiter", "~", "--column", "2")
    assert alone("lookup", "--file", table, *told, "--json").json["record"] == {"n": 1}
    names = file("names.csv", "Stripe\nFigma\n")
    for option, lines in (("--header", 1), ("--no-header", 2)):
        done = alone("lookup", "--file", names, "--type", "names", option)
        assert (done.err, done.out.count("never asked for")) == ("", lines)


@pytest.mark.integration
def test_the_history_is_in_order(settings: Settings, alone: Call) -> None:
    request = request_of(settings, ['{"n": 1}'])
    done = alone("lookup", "company-0.example", "--history")
    requested, packed, fulfilled = done.out.rstrip().splitlines()[-3:]
    assert f"requested  cycle 1; request {request.id}; as 'company-0.example'" in requested
    assert "packed     cycle 1; job " in packed
    assert "fulfilled  cycle 1; job " in fulfilled
    told = alone("lookup", "company-0.example", "--history", "--json").json
    assert [it["event"] for it in told["history"]] == ["requested", "packed", "fulfilled"]
    assert told["history"][0]["request_id"] == str(request.id)


@pytest.mark.integration
def test_types_accounts_fields_and_age_narrow_it(settings: Settings, alone: Call) -> None:
    request_of(settings, ['{"n": 1}'])
    domain = "company-0.example"
    assert alone("lookup", domain, "--type", "names").code == 1
    assert alone("lookup", domain, "--endpoint", "company/enrich").code == 0
    assert "with a.b" in alone("lookup", domain, "--fields", "a.b").out
    assert alone("lookup", domain, "--max-age", "3600").code == 0
    assert "older than max_age" in alone("lookup", domain, "--max-age", "0").out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "Name identifiers, or a file of them with --file."),
        (["a.com", "--file", "x"], "Name identifiers, or a file of them with --file."),
        (["a.com", "--type", "domain"], "--type: 'domain' is not one of domains, names"),
        (["a.com", "--max-age", "-1"], "max_age: -1 s is not between 0"),
        (["a.com", "--max-age", "nan"], "max_age: nan is not a time span"),
        (["a.com", "--endpoint", "person/enrich"], "'domains' is none of person/enrich"),
        (["a.com", "--account", "nope"], "The ledger has no account named 'nope'"),
        (["--file", "/nowhere"], "/nowhere cannot be read: No such file or directory."),
    ],
)
@pytest.mark.integration
def test_wrong_usage_is_named(alone: Call, arguments: list[str], error: str) -> None:
    done = alone("lookup", *arguments)
    assert done.code == 2
    assert error in done.error
