"""Accounts: several on one ledger, renamed, removed and taken in again."""

from __future__ import annotations

import pytest

from manager.errors import ConfigurationError, ConflictError, InvalidRequestError, NotFoundError
from manager.ledger import migrate
from manager.operator import accounts
from manager.operator.status import status
from manager.settings.accounts import AccountTable
from manager.steps.context import Wake
from manager.steps.registry import run
from tests.steps.driver import LONG, Driver

pytestmark = pytest.mark.integration

Two = tuple[Driver, Driver]


def listed(driver: Driver, name: str) -> accounts.Listed:
    [found] = [it for it in accounts.listed(driver.context.settings) if it.name == name]
    return found


def under(driver: Driver, name: str) -> Driver:
    """One whose configuration calls its account so."""
    settings = driver.context.settings
    table = AccountTable(vendor_api_key=settings.vendor_api_key)
    return driver.another(account=name, accounts={name: table})


# Each by itself


def test_each_has_its_own_slots_jobs_and_calls(two: Two) -> None:
    one, other = two
    mine, theirs = one.accepted(2), other.accepted(3, first=10)
    assert (one.held(), other.held()) == ({mine}, {theirs})
    assert [it.job(job_id).slot for it, job_id in ((one, mine), (other, theirs))] == [1, 1]
    assert (listed(one, "alpha").live_jobs, listed(one, "beta").live_jobs) == (1, 1)
    one.sandbox.advance(LONG)
    one.look_now()
    assert (one.job(mine).state, other.job(theirs).state) == ("completed", "pending")


def test_a_wake_up_for_a_job_of_another_account_does_nothing(two: Two) -> None:
    one, other = two
    packed = other.packed(2)
    assert run(one.context, one.wake("submit", packed)) == []
    assert other.job(packed).state == "packed"
    assert one.calls("submit") == 0


def test_a_pause_is_its_own(two: Two) -> None:
    one, other = two
    accounts.pause(one.context.settings, "alpha", "holidays")
    assert (one.paused(), other.paused()) == ("holidays", None)
    one.enqueue(2)
    other.enqueue(2, first=10)
    for it in (one, other):
        it.run(*it.sweep())
    assert [job["identifier_count"] for job in one.sent()] == [2]
    assert other.states() == {"pending": 2, "packed": 2}
    accounts.resume(one.context.settings, "alpha")
    one.run(*one.sweep())
    assert len(one.sent()) == 2


def test_one_endpoint_of_it_can_be_paused(two: Two) -> None:
    one, _ = two
    accounts.pause(one.context.settings, "alpha", "too dear", endpoint="company/enrich")
    one.enqueue(2)
    one.run(*one.sweep())
    assert one.calls("submit") == 0
    found = status(one.context, "alpha")
    [problem] = found.problems
    assert (problem.code, problem.text) == ("endpoint-paused", "company/enrich is paused: too dear")
    accounts.resume(one.context.settings, "alpha", endpoint="company/enrich")
    one.run(*one.sweep())
    assert one.calls("submit") == 1


# Removed


def test_what_has_live_jobs_or_waiting_identifiers_is_not_removed(driver: Driver) -> None:
    settings, name = driver.context.settings, driver.account.name
    driver.enqueue(2)
    with pytest.raises(ConflictError, match="has 0 live jobs and 2 identifiers waiting"):
        accounts.remove(settings, name)
    driver.accepted()
    with pytest.raises(ConflictError, match="has 1 live job and 0"):
        accounts.remove(settings, name)
    driver.drain()
    accounts.remove(settings, name)
    assert listed(driver, name).removed_at is not None


def test_what_is_removed_is_not_served_any_more(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    calls = driver.calls("list")
    accounts.remove(driver.context.settings, driver.account.name)
    for step in ("sweep", "pack", "look"):
        with pytest.raises(ConfigurationError, match="has no account named"):
            run(driver.context, Wake(step, driver.account.name))
    assert driver.calls("list") == calls
    assert driver.states() == {"fulfilled": 2}, "what it bought stays"
    assert status(driver.context).accounts == []


def test_nothing_is_enqueued_to_what_is_removed(driver: Driver) -> None:
    accounts.remove(driver.context.settings, driver.account.name)
    with pytest.raises((ConfigurationError, NotFoundError), match=driver.account.name):
        driver.enqueue(2)


def test_taken_in_again_it_has_what_it_had(driver: Driver) -> None:
    driver.enqueue(2)
    driver.drain()
    before = listed(driver, driver.account.name)
    accounts.pause(driver.context.settings, driver.account.name, "the end")
    accounts.remove(driver.context.settings, driver.account.name)
    migrate.upgrade(driver.context.settings)
    after = listed(driver, driver.account.name)
    assert (after.id, after.removed_at, after.paused_reason) == (before.id, None, None)
    assert driver.enqueue(3).progress().fulfilled == 2, "what is fresh is a hit"
    driver.drain()
    assert driver.states() == {"fulfilled": 3}


# Renamed


def test_a_renamed_account_keeps_everything(driver: Driver) -> None:
    job_id = driver.accepted(2)
    before = listed(driver, driver.account.name)
    accounts.rename(driver.context.settings, driver.account.name, "better")
    renamed = under(driver, "better")
    assert listed(driver, "better").id == before.id
    assert renamed.held() == {job_id}
    renamed.drain()
    assert renamed.job(job_id).state == "merged"
    assert renamed.enqueue(2).progress().fulfilled == 2


def test_the_old_name_is_not_served(driver: Driver) -> None:
    accounts.rename(driver.context.settings, driver.account.name, "better")
    with pytest.raises(ConfigurationError, match=r"has no account named .* \(it has: better\)"):
        driver.sweep()


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 64, "é"])
def test_what_cannot_be_a_name_is_refused(driver: Driver, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be an account's name"):
        accounts.rename(driver.context.settings, driver.account.name, name)


def test_a_name_is_one_accounts_alone(two: Two) -> None:
    settings = two[0].context.settings
    with pytest.raises(ConflictError, match="There is an account 'beta' already"):
        accounts.rename(settings, "alpha", "beta")
    with pytest.raises(NotFoundError, match="There is no account 'gamma' in the ledger; it has: "):
        accounts.rename(settings, "gamma", "delta")


# Without a key


def test_without_a_key_it_is_paused_for_that_and_resumed_with_one(driver: Driver) -> None:
    keyless = driver.another(vendor_api_key="")
    keyless.sweep()
    assert "no API key is configured" in (driver.paused() or "")
    assert run(keyless.context, keyless.wake("look")) == []
    driver.sweep()
    assert driver.paused() is None


def test_a_process_without_the_key_pauses_nothing_that_another_one_serves(driver: Driver) -> None:
    driver.sweep()
    driver.another(vendor_api_key="").sweep()
    assert driver.paused() is None
