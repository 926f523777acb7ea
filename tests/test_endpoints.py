"""Endpoints are values: what each takes, and which of the vendor's jobs may be its own."""

from __future__ import annotations

import pytest

from manager.endpoints import ENDPOINTS, Endpoint, endpoint
from manager.errors import InvalidRequestError
from manager.identifiers import NORMALISERS

EVERY = pytest.mark.parametrize("one", ENDPOINTS.values(), ids=ENDPOINTS)


@EVERY
def test_an_endpoint_is_found_by_its_name_and_called_at_its_path(one: Endpoint) -> None:
    assert endpoint(one.name) is one
    assert one.path == f"/batch/{one.name}"


@EVERY
def test_every_identifier_type_of_an_endpoint_can_be_normalised(one: Endpoint) -> None:
    assert set(one.identifier_types) <= set(NORMALISERS)
    assert 1 <= one.job_size <= 10_000


def test_every_identifier_type_belongs_to_an_endpoint() -> None:
    assert {name for one in ENDPOINTS.values() for name in one.identifier_types} == set(NORMALISERS)


@pytest.mark.parametrize("name", ["company/search", "", "Company/Enrich", "/batch/company/enrich"])
def test_an_endpoint_that_is_not_known_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        endpoint(name)
    assert repr(name) in str(refusal.value)
    assert "company/enrich, person/enrich, person/contact/enrich" in str(refusal.value)


def test_an_identifier_type_of_another_endpoint_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="'domains' is none of person/enrich") as refusal:
        endpoint("person/enrich").check("domains", ["basic_profile"])
    assert "professional_network_profile_urls or business_emails" in str(refusal.value)
    endpoint("person/enrich").check("business_emails", [])
    with pytest.raises(InvalidRequestError, match=r"takes professional_network_profile_urls\."):
        endpoint("person/contact/enrich").check("business_emails", ["business_email"])


def test_an_endpoint_that_needs_fields_is_not_bought_of_without() -> None:
    contact = endpoint("person/contact/enrich")
    with pytest.raises(InvalidRequestError, match="fields: person/contact/enrich needs some"):
        contact.check("professional_network_profile_urls", [])
    contact.check("professional_network_profile_urls", ["business_email"])


@pytest.mark.parametrize(
    ("name", "entity", "action", "may_be"),
    [
        ("company/enrich", "company", "enrich", True),
        ("company/enrich", "company_v2024", "enrich", True),
        ("company/enrich", "Company-V2024", "ENRICH", True),
        ("company/enrich", None, None, True),
        ("company/enrich", "", "", True),
        ("company/enrich", "person", "enrich", False),
        ("company/enrich", "companyish", "enrich", False),
        ("company/enrich", "company", "search", False),
        ("company/enrich", "company", "enrich_live", False),
        ("person/enrich", "person", "enrich", True),
        ("person/enrich", "person", "contact_enrich", False),
        ("person/contact/enrich", "person", "Contact Enrich", True),
        ("person/contact/enrich", "person", None, True),
        ("person/contact/enrich", "person", "enrich", False),
    ],
)
def test_a_job_may_be_of_an_endpoint_unless_something_speaks_against_it(
    name: str, entity: str | None, action: str | None, may_be: bool
) -> None:
    assert endpoint(name).may_be(entity, action) is may_be
