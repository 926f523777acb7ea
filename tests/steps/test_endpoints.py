"""Endpoints: each is enqueued, packed, submitted and merged by the same steps."""

from __future__ import annotations

from typing import Any

import pytest

from manager import IdentifierType, InvalidIdentifiersError, InvalidRequestError, Outcome
from sandbox.endpoints import CONTACT
from sandbox.people import fictional
from tests.steps.driver import MISCOUNTED, Driver

pytestmark = pytest.mark.integration

URLS: IdentifierType = "professional_network_profile_urls"


def urls(count: int, first: int = 0) -> list[str]:
    """Profiles that the vendor knows."""
    return [fictional(number).profile_url for number in range(first, first + count)]


@pytest.mark.parametrize("identifier_type", [URLS, "business_emails"])
def test_people_are_bought_by_profile_and_by_email(driver: Driver, identifier_type: Any) -> None:
    known = [fictional(number).identifier(identifier_type) for number in range(3)]
    stranger = known[0].replace("0000000", "x")
    request = driver.manager.enqueue(
        identifier_type, [*known, stranger], endpoint="person/enrich", fields=["skills.names"]
    )
    driver.drain()
    results = list(request.results())
    assert [it.outcome for it in results] == [*["fulfilled"] * 3, "not_found"]
    for number, result in enumerate(results[:3]):
        assert result.vendor_id == fictional(number).id
        assert result.record is not None
        assert result.record["basic_profile"]["name"] == fictional(number).name
        assert "names" in result.record["skills"]
    [sent] = driver.sent()
    assert (sent["entity"], sent["action"], sent["identifier_count"]) == ("person", "enrich", 4)
    progress = request.progress()
    assert (progress.endpoint, progress.identifier_type) == ("person/enrich", identifier_type)
    assert driver.rows(MISCOUNTED) == []


def test_a_profile_without_contacts_is_fulfilled_with_empty_values(driver: Driver) -> None:
    fields = ("business_email", "personal_contact_info.phone_numbers")
    worth = [CONTACT.worth(fictional(number), fields) for number in range(40)]
    assert 0 in worth
    request = driver.manager.enqueue(
        URLS, urls(40), endpoint="person/contact/enrich", fields=fields
    )
    driver.drain()
    results = list(request.results())
    assert {it.outcome for it in results} == {Outcome.FULFILLED}
    empty = results[worth.index(0)].record
    assert empty is not None
    assert empty["business_email"] is None
    assert empty["personal_contact_info"]["phone_numbers"] == []
    rich = results[worth.index(max(worth))].record
    assert rich is not None
    assert rich["personal_contact_info"]["phone_numbers"]
    [sent] = driver.sent()
    assert (sent["entity"], sent["action"]) == ("person", "contact_enrich")


def test_contacts_are_bought_three_hundred_a_job(driver: Driver) -> None:
    request = driver.manager.enqueue(
        URLS, urls(700), endpoint="person/contact/enrich", fields=["business_email"]
    )
    driver.drain()
    assert request.progress().fulfilled == 700
    assert sorted(job["identifier_count"] for job in driver.sent()) == [100, 300, 300]


def test_a_profile_is_bought_once_for_each_endpoint_and_selection(driver: Driver) -> None:
    enqueue = driver.manager.enqueue
    enqueue(URLS, urls(2), endpoint="person/enrich")
    enqueue(URLS, urls(2), endpoint="person/contact/enrich", fields=["business_email"])
    enqueue(URLS, ["linkedin.com/company/a"])
    driver.drain()
    assert len(driver.sent()) == 3
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_all_endpoints_share_the_accounts_slots(driver: Driver) -> None:
    for size in (1, 2, 3):
        driver.accepted(size, first=100 * size)
    for size in (1, 2, 3):
        driver.manager.enqueue(URLS, urls(size, 100 * size), endpoint="person/enrich")
        driver.run(driver.wake("pack"))
        driver.manager.enqueue("names", [f"n {size} {n}" for n in range(size + 3)])
        driver.run(driver.wake("pack"))
    assert driver.value("SELECT count(*) FROM job WHERE slot IS NOT NULL") == 5
    assert driver.sandbox.record()["highest_active_own"] == 5


@pytest.mark.parametrize(
    ("identifier_type", "arguments", "told"),
    [
        ("domains", {"endpoint": "person/enrich"}, "'domains' is none of person/enrich"),
        (
            "business_emails",
            {"endpoint": "person/contact/enrich", "fields": ["business_email"]},
            "'business_emails' is none of person/contact/enrich",
        ),
        ("business_emails", {}, "'business_emails' is none of company/enrich"),
        (URLS, {"endpoint": "person/contact/enrich"}, "person/contact/enrich needs some"),
        (URLS, {"endpoint": "person/search"}, "'person/search' is not one of company/enrich"),
    ],
)
def test_what_the_endpoint_does_not_take_is_refused_and_nothing_is_enqueued(
    driver: Driver, identifier_type: Any, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        driver.manager.enqueue(identifier_type, ["a@b.example"], **arguments)
    assert driver.value("SELECT count(*) FROM request") == 0


def test_an_email_that_cannot_be_one_is_named(driver: Driver) -> None:
    with pytest.raises(InvalidIdentifiersError) as refusal:
        driver.manager.enqueue(
            "business_emails", ["a@b.example", "nobody", "@x.example"], endpoint="person/enrich"
        )
    assert [bad.position for bad in refusal.value.invalid] == [1, 2]


def test_an_identifier_type_that_the_vendor_takes_no_longer_fails_with_its_reason(
    driver: Driver,
) -> None:
    driver.sandbox.set(refused_identifier_types=["business_emails"])
    request = driver.manager.enqueue(
        "business_emails", [fictional(1).email], endpoint="person/enrich"
    )
    driver.drain()
    [result] = request.results()
    assert result.outcome == "failed"
    assert "400" in (result.reason or "")
