"""Pause: what the vendor refuses stops as much as it concerns, and no more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from manager import Request
from manager.operator import accounts
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration

PAUSED_ENDPOINTS = "SELECT endpoint, reason FROM endpoint_pause"


def people(driver: Driver, count: int, first: int = 0) -> Request:
    urls = [f"https://linkedin.com/in/person-{n:07}" for n in range(first, first + count)]
    return driver.manager.enqueue(
        "professional_network_profile_urls",
        urls,
        endpoint="person/enrich",
        account=driver.account.name,
    )


def paused_for(driver: Driver) -> Any:
    return driver.value("SELECT paused_for FROM account WHERE id = %(id)s", id=driver.account.id)


@pytest.fixture
def refused(driver: Driver) -> UUID:
    """A job of an endpoint that the account's plan lacks, as the vendor has just said."""
    driver.sandbox.set(forbidden_endpoints=["person/enrich"])
    people(driver, 2)
    job_id = driver.packed()
    driver.submit(job_id)
    return job_id


def test_a_403_pauses_that_endpoint_of_the_account_with_the_reason(
    driver: Driver, refused: UUID
) -> None:
    [(endpoint, reason)] = driver.rows(PAUSED_ENDPOINTS)
    assert endpoint == "person/enrich"
    assert "The vendor answered 403" in reason
    assert driver.paused() is None
    job = driver.job(refused)
    assert (job.state, job.slot, job.failures) == ("packed", None, 0)
    assert driver.held() == set()


def test_while_an_endpoint_is_paused_the_others_go_on(driver: Driver, refused: UUID) -> None:
    companies = driver.enqueue(3)
    waiting = people(driver, 3, first=10)
    for _ in range(3):
        driver.step()
    assert companies.progress().fulfilled == 3
    assert waiting.progress().waiting == 3
    assert driver.job(refused).state == "packed"
    assert driver.calls("submit") == 2, "it is not asked for again"


def test_a_paused_endpoints_job_is_submitted_by_no_wake_up(driver: Driver, refused: UUID) -> None:
    driver.hasten()
    assert driver.wake("submit", refused) not in driver.sweep()
    driver.run(driver.wake("submit", refused))
    assert driver.calls("submit") == 1


def test_an_endpoint_that_is_resumed_goes_on(driver: Driver, refused: UUID) -> None:
    driver.sandbox.set(forbidden_endpoints=[])
    accounts.resume(driver.context.settings, driver.account.name, "person/enrich")
    driver.drain()
    assert driver.states() == {"fulfilled": 2}


def test_an_operator_pauses_one_endpoint(driver: Driver) -> None:
    accounts.pause(driver.context.settings, driver.account.name, "dear", "person/enrich")
    waiting, companies = people(driver, 2), driver.enqueue(2)
    driver.step()
    driver.step()
    assert (waiting.progress().waiting, companies.progress().fulfilled) == (2, 2)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_list_is_the_accounts(driver: Driver, status: int) -> None:
    driver.sandbox.fault("list", "status", status=status)
    driver.look_now()
    assert f"The vendor answered {status}" in (driver.paused() or "")
    assert paused_for(driver) == "unauthorized"
    assert driver.rows(PAUSED_ENDPOINTS) == []


def test_the_first_reason_stays(driver: Driver) -> None:
    job_id = driver.packed(2)
    driver.sandbox.fault("submit", "status", status=402)
    driver.submit(job_id)
    driver.sandbox.fault("list", "status", status=401)
    driver.look_now()
    assert "The vendor answered 402" in (driver.paused() or "")


# A key that is missing


@pytest.fixture
def keyless(driver: Driver) -> Driver:
    """A daemon that has no key for the account."""
    return driver.another(vendor_api_key=None)


def test_without_a_key_the_account_is_paused_with_the_reason(
    driver: Driver, keyless: Driver
) -> None:
    assert keyless.sweep() == []
    assert (driver.paused() or "").startswith("no API key is configured; set ENRICHD_")
    assert paused_for(driver) == "no_key"


def test_a_daemon_with_the_key_lifts_that_pause_when_it_sweeps(
    driver: Driver, keyless: Driver
) -> None:
    keyless.sweep()
    driver.sweep()
    assert driver.paused() is None
    driver.enqueue(2)
    driver.drain()
    assert driver.states() == {"fulfilled": 2}


def test_while_a_daemon_with_the_key_is_at_work_the_account_is_not_paused(
    driver: Driver, keyless: Driver
) -> None:
    driver.sweep()
    keyless.sweep()
    assert driver.paused() is None
    driver.execute("UPDATE account SET swept_at = now() - interval '2 minutes'")
    keyless.sweep()
    assert paused_for(driver) == "no_key"


def test_a_daemon_without_the_key_does_nothing_for_the_account(
    driver: Driver, keyless: Driver
) -> None:
    driver.sweep()
    job_id = driver.packed(2)
    for step in ("submit", "resolve", "merge"):
        assert keyless.only(driver.wake(step, job_id)) == []
    assert keyless.only(driver.wake("look")) == []
    assert driver.job(job_id).state == "packed"


@pytest.mark.parametrize("kind", ["operator", "unauthorized", "no_credits"])
def test_having_the_key_lifts_no_other_pause(driver: Driver, kind: str) -> None:
    driver.pause()
    driver.execute("UPDATE account SET paused_for = %(kind)s", kind=kind)
    driver.sweep()
    assert driver.paused() == "by an operator"


def test_a_key_that_can_be_none_pauses_the_account_before_anything_is_begun(
    driver: Driver,
) -> None:
    job_id = driver.packed(2)
    broken = driver.another(vendor_api_key="half a key\nthe other half")
    assert broken.sweep() == []
    assert "has a character that no API key can have" in (driver.paused() or "")
    assert "half a key" not in (driver.paused() or "")
    broken.only(broken.wake("submit", job_id))
    assert driver.job(job_id).state == "packed"
