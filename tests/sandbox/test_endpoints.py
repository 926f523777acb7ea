"""Endpoints: people and their contacts beside companies, on one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Sandbox, SandboxError, companies, people
from sandbox.endpoints import CONTACT, ENDPOINTS, PERSON, Endpoint
from sandbox.person_catalogue import CONTACT as CONTACTS

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

integration = pytest.mark.integration

ANY_PERSON = st.integers(0, people.FICTIONAL - 1).map(people.fictional)
TYPES = st.sampled_from(people.IDENTIFIER_TYPES)


def urls(count: int) -> list[str]:
    return [people.fictional(index).profile_url for index in range(count)]


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """A submission to each endpoint that keeps its rules."""
    return [
        ("company/enrich", {"domains": ["fedex.com"]}),
        ("person/enrich", {"professional_network_profile_urls": urls(1)}),
        (
            "person/contact/enrich",
            {"professional_network_profile_urls": urls(1), "fields": ["business_email"]},
        ),
    ]


# The people


@given(ANY_PERSON, TYPES)
def test_a_person_is_found_by_each_identifier(person: people.Person, identifier_type: str) -> None:
    identifier = person.identifier(identifier_type)
    assert people.find(identifier_type, identifier) == person
    assert people.find(identifier_type, f" {identifier.upper()} ") == person
    key = people.key(identifier_type, identifier)
    assert people.key(identifier_type, key) == key


def test_a_person_is_clearly_fictional() -> None:
    person = people.fictional(1234)
    assert person.name == "Person 0001234"
    assert person.profile_url == "https://www.linkedin.com/in/person-0001234"
    assert person.email == "person-0001234@company-0000123.example"


@pytest.mark.parametrize(
    ("identifier_type", "value"),
    [
        ("business_emails", "person-0001234@company-0000124.example"),
        ("business_emails", "person-0001234@fedex.com"),
        ("professional_network_profile_urls", "https://www.linkedin.com/in/someone"),
        ("professional_network_profile_urls", "https://www.linkedin.com/company/company-0001234"),
    ],
)
def test_nobody_else_is_known(identifier_type: str, value: str) -> None:
    assert people.find(identifier_type, value) is None


# What the endpoints share


@integration
@pytest.mark.parametrize(("endpoint", "body"), bodies(), ids=list(ENDPOINTS))
def test_each_says_its_entity_and_action(
    caller: Caller, sandbox: Sandbox, endpoint: str, body: dict[str, Any]
) -> None:
    batch_id = caller.submit(endpoint, **body)
    sandbox.advance(60)
    value = ENDPOINTS[endpoint]
    shown = {"entity": value.entity, "action": value.action}
    assert shown.items() <= caller.status(batch_id).items()
    assert shown.items() <= caller.jobs()["jobs"][0].items()
    (job,) = sandbox.record()["jobs"]
    assert {**shown, "endpoint": endpoint}.items() <= job.items()
    assert len(caller.envelopes(batch_id)) == 1


@integration
def test_all_share_the_cap_and_the_limits(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=3, calls_per_minute=4)
    for endpoint, body in bodies():
        caller.submit(endpoint, **body)
    full = caller.post("person/enrich", professional_network_profile_urls=urls(1))
    limited = caller.post(domains=["fedex.com"])
    kinds = [response.json()["error"]["type"] for response in (full, limited)]
    assert kinds == ["too_many_active_jobs", "rate_limit_exceeded"]


@integration
@pytest.mark.parametrize(("endpoint", "body"), bodies(), ids=list(ENDPOINTS))
def test_one_may_be_forbidden_while_the_others_work(
    caller: Caller, sandbox: Sandbox, endpoint: str, body: dict[str, Any]
) -> None:
    sandbox.set(forbidden_endpoints=[endpoint])
    answers = {name: caller.post(name, **body).status_code for name, body in bodies()}
    assert answers == {name: 403 if name == endpoint else 200 for name in ENDPOINTS}
    assert caller.jobs()["jobs"]


@integration
def test_settings_name_endpoints_that_exist(sandbox: Sandbox) -> None:
    for settings in ({"forbidden_endpoints": ["people"]}, {"price": {"people": 2}}):
        with pytest.raises(SandboxError, match="no endpoint is called 'people'"):
            sandbox.set(**settings)
    with pytest.raises(SandboxError, match="no endpoint has the identifier type 'e-mails'"):
        sandbox.set(refused_identifier_types=["e-mails"])


@integration
@pytest.mark.parametrize("endpoint", [PERSON, CONTACT], ids=lambda endpoint: endpoint.name)
def test_there_may_be_foreign_jobs_at_each(
    caller: Caller, sandbox: Sandbox, endpoint: Endpoint
) -> None:
    foreign = sandbox.foreign(endpoint=endpoint.name, identifier_count=7, seconds=1)
    assert (foreign["entity"], foreign["action"]) == (endpoint.entity, endpoint.action)
    sandbox.advance(60)
    assert len(caller.envelopes(foreign["batch_id"])) == 7


# person/enrich


@integration
def test_both_identifier_types_give_the_same_person(caller: Caller, sandbox: Sandbox) -> None:
    asked = [people.fictional(index) for index in range(5)]
    jobs = [
        caller.submit(
            "person/enrich", **{kind: [person.identifier(kind) for person in asked]}, fields=fields
        )
        for kind in people.IDENTIFIER_TYPES
        for fields in (["experience"],)
    ]
    sandbox.advance(60)
    records = [
        {envelope["data"]["crustdata_person_id"]: envelope["data"] for envelope in envelopes}
        for envelopes in map(caller.envelopes, jobs)
    ]
    assert records[0] == records[1]
    assert set(records[0]) == {person.id for person in asked}


@integration
def test_a_person_has_the_default_families_and_what_was_added(
    caller: Caller, sandbox: Sandbox
) -> None:
    body = {"professional_network_profile_urls": urls(1)}
    bare = caller.submit("person/enrich", **body)
    more = caller.submit("person/enrich", **body, fields=["experience.current", "skills.names"])
    sandbox.advance(60)
    default = {"crustdata_person_id", "basic_profile", "social_handles"}
    assert caller.envelopes(bare)[0]["data"].keys() == default
    data = caller.envelopes(more)[0]["data"]
    assert data.keys() == default | {"experience", "skills"}
    assert data["experience"].keys() == {"current"}
    assert data["experience"]["current"].keys() > {"seniority", "company_domain"}
    handle = data["social_handles"]["professional_network_identifier"]
    assert handle["profile_url"] == people.fictional(0).profile_url
    assert companies.find("domains", data["experience"]["current"]["company_domain"])


@integration
def test_unresolved_people_are_dropped(caller: Caller, sandbox: Sandbox) -> None:
    emails = [people.fictional(0).email, "nobody@company-0000001.example"]
    batch_id = caller.submit("person/enrich", business_emails=emails)
    sandbox.advance(60)
    assert [line["original_identifier"] for line in caller.envelopes(batch_id)] == emails[:1]
    assert caller.status(batch_id)["entities_fulfilled"] == 1


@integration
def test_business_emails_may_be_refused(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(refused_identifier_types=["business_emails"])
    body = {"business_emails": [people.fictional(0).email]}
    assert caller.post("person/enrich", **body).status_code == 400
    caller.submit("person/enrich", professional_network_profile_urls=urls(1))


@integration
@pytest.mark.parametrize(
    "body",
    [
        {"domains": ["fedex.com"]},
        {"professional_network_profile_urls": urls(1), "business_emails": ["a@b.example"]},
        {"professional_network_profile_urls": urls(10_001)},
        {"professional_network_profile_urls": urls(1), "fields": ["headcount"]},
    ],
    ids=lambda body: str(body)[:60],
)
def test_a_submission_of_people_against_the_rules_is_a_400(
    caller: Caller, body: dict[str, Any]
) -> None:
    assert caller.post("person/enrich", **body).status_code == 400


# person/contact/enrich


def contacts_of(person: people.Person, fields: tuple[str, ...]) -> dict[str, Any]:
    return CONTACTS.record(person, CONTACTS.plan(fields))


@integration
def test_every_known_profile_is_listed_with_values_or_without(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.set(price={"person/contact/enrich": 2})
    asked = [*urls(40), "https://www.linkedin.com/in/nobody"]
    fields = ["business_email", "personal_contact_info"]
    batch_id = caller.submit(
        "person/contact/enrich", professional_network_profile_urls=asked, fields=fields
    )
    sandbox.advance(60)
    found = {line["original_identifier"]: line["data"] for line in caller.envelopes(batch_id)}
    assert found == {
        person.profile_url: contacts_of(person, tuple(fields))
        for person in map(people.fictional, range(40))
    }
    values = [
        [data["business_email"], *data["personal_contact_info"].values()] for data in found.values()
    ]
    empty: list[Any] = [None, [], []]
    assert empty in values, "a profile without any contact is listed"
    status = caller.status(batch_id)
    assert status["result_count"] == 40
    assert status["entities_fulfilled"] == sum(value != empty for value in values) < 40
    delivered = sum(bool(value) for several in values for value in several)
    assert sandbox.record()["billed"] == {
        "records": status["entities_fulfilled"],
        "credits": 2 * delivered,
    }


@integration
def test_only_the_contacts_that_were_asked_for_are_there(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(
        "person/contact/enrich",
        professional_network_profile_urls=urls(1),
        fields=["personal_contact_info.phone_numbers"],
    )
    sandbox.advance(60)
    (line,) = caller.envelopes(batch_id)
    assert line["data"].keys() == {"personal_contact_info"}
    assert line["data"]["personal_contact_info"].keys() == {"phone_numbers"}


@integration
@pytest.mark.parametrize("fields", [None, [], ["basic_profile"], ["personal_contact_info.fax"]])
def test_contacts_require_fields_and_say_which(
    caller: Caller, sandbox: Sandbox, fields: list[str] | None
) -> None:
    body = {"professional_network_profile_urls": urls(1), "fields": fields}
    response = caller.post("person/contact/enrich", **body)
    assert response.status_code == 400
    assert response.json()["error"]["metadata"]["available_fields"] == [
        "business_email",
        "personal_contact_info",
        "personal_contact_info.personal_emails",
        "personal_contact_info.phone_numbers",
    ]
    assert sandbox.record()["submissions_accepted"] == 0


@integration
@pytest.mark.parametrize(
    "body",
    [
        {"business_emails": [people.fictional(0).email]},
        {"professional_network_profile_urls": urls(301)},
    ],
    ids=["business_emails", "301 profiles"],
)
def test_contacts_take_at_most_300_profiles_and_no_emails(
    caller: Caller, body: dict[str, Any]
) -> None:
    body = {**body, "fields": ["business_email"]}
    assert caller.post("person/contact/enrich", **body).status_code == 400
    body = {"professional_network_profile_urls": urls(300), "fields": ["business_email"]}
    assert caller.post("person/contact/enrich", **body).is_success


@integration
def test_duplicates_are_told_by_endpoint(caller: Caller, sandbox: Sandbox) -> None:
    body = {"professional_network_profile_urls": urls(20)}
    caller.submit("person/enrich", **body)
    caller.submit("person/contact/enrich", **body, fields=["business_email"])
    sandbox.advance(60)
    assert sandbox.record()["duplicates"]["count"] == 0
    again = caller.submit("person/contact/enrich", **body, fields=["business_email"])
    sandbox.advance(60)
    duplicates = sandbox.record()["duplicates"]
    assert duplicates["count"] == caller.status(again)["entities_fulfilled"]
    assert duplicates["first"][0]["endpoint"] == "person/contact/enrich"
    billed = sandbox.record()["billed_by_endpoint"]
    assert billed == {"person/enrich": 20, "person/contact/enrich": 2 * duplicates["count"]}
