"""Vendor: what a single free call tells of the key, the clock, the limits and others' jobs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from manager.operator.doctor import Finding
from tests.operator.doctor.looking import hanging_port, look, only, troubles
from tests.steps.driver import Driver, closed_port

pytestmark = pytest.mark.integration


def looked(driver: Driver, **changes: object) -> list[Finding]:
    driver.sandbox.set(frozen=False)  # its Date shall be of now
    settings = driver.context.settings.model_copy(update=changes)
    return look(settings, "vendor", account=driver.account.name)


def test_one_counted_call_of_the_list_tells_that_all_is_well(driver: Driver) -> None:
    driver.accepted(3)
    before = driver.calls("list")
    used = driver.account.gate.calls("list").used
    found = looked(driver)
    assert troubles(found) == []
    assert {it.account for it in found} == {driver.account.name}
    assert "1 of 5 active at the vendor, 1 of them ours" in only(found, "jobs").means
    assert "the last submission was taken" in only(found, "x-api-version").means
    assert "100000 calls of the list a minute" in only(found, "rate limits").means
    assert (driver.calls("list"), driver.calls("submit")) == (before + 1, 1)
    assert driver.account.gate.calls("list").used == used + 1


def test_no_call_is_made_when_none_is_left(driver: Driver) -> None:
    driver.account.gate.answered("list", None, None, None, blocked=60)
    found = looked(driver)
    assert only(found, "key").level == "warning"
    assert "not tried: the vendor wants no call of the list until" in only(found, "key").means
    assert driver.calls("list") == 0


def test_without_ledger_and_redis_the_key_is_tried_all_the_same(driver: Driver) -> None:
    found = looked(
        driver,
        redis_url=SecretStr(f"redis://127.0.0.1:{closed_port()}"),
        database_url=SecretStr(f"postgresql://127.0.0.1:{closed_port()}/none"),
    )
    assert "counted nowhere" in only(found, "key").means
    assert troubles(found) == [("warning", "jobs")]


def test_a_bad_key_is_a_problem_that_does_not_show_it(driver: Driver) -> None:
    found = looked(driver, vendor_api_key=SecretStr("not-the-key-of-anybody"))
    assert troubles(found) == [("problem", "key")]
    assert "answered 401" in only(found, "key").means
    assert "not-the-key" not in repr(found)


@pytest.mark.parametrize("key", [None, SecretStr("two words")])
def test_no_usable_key_is_a_problem(driver: Driver, key: SecretStr | None) -> None:
    found = looked(driver, vendor_api_key=key)
    assert troubles(found) == [("problem", "key")]
    assert driver.calls("list") == 0


@pytest.mark.parametrize(
    ("fault", "arguments", "level", "subject"),
    [
        ("status", {"status": 402}, "problem", "credits"),
        ("status", {"status": 403}, "problem", "key"),
        (
            "status",
            {"status": 400, "body": "Header x-api-version is not supported"},
            "problem",
            "x-api-version",
        ),
        ("status", {"status": 404}, "problem", "answer"),
        ("status", {"status": 429}, "warning", "rate limits"),
        ("status", {"status": 503}, "problem", "answer"),
        ("html", {}, "problem", "answer"),
        ("garbage", {}, "problem", "answer"),
        ("reset_before", {}, "problem", "answer"),
    ],
)
def test_what_the_vendor_answers_instead_is_told(
    driver: Driver, fault: str, arguments: dict[str, Any], level: str, subject: str
) -> None:
    driver.sandbox.fault("list", fault, **arguments)
    assert (level, subject) in troubles(looked(driver))


def test_a_vendor_that_hangs_is_given_up(driver: Driver) -> None:
    driver.sandbox.fault("list", "hang")
    found = looked(driver, vendor_read_timeout=0.3)
    assert troubles(found) == [("problem", "answer")]


def test_a_closed_port_and_an_unknown_host_are_told_apart(driver: Driver) -> None:
    found = looked(driver, vendor_url=f"http://127.0.0.1:{closed_port()}")
    assert "cannot be reached: Connection refused" in only(found, "reached").means
    found = looked(driver, vendor_url="https://nowhere.invalid")
    assert "has no address here" in only(found, "reached").means


def test_a_vendor_without_headers_is_no_trouble(driver: Driver) -> None:
    driver.sandbox.set(limit_headers=False)
    found = looked(driver)
    assert troubles(found) == []
    assert "no x-ratelimit headers; 10000 calls a minute are assumed" in (
        only(found, "rate limits").means
    )


def test_a_clock_that_differs_is_a_warning(driver: Driver) -> None:
    driver.sandbox.set(clock_skew_seconds=-300)
    found = looked(driver)
    assert troubles(found) == [("warning", "clock")]
    assert "the vendor's is 5 minutes behind this machine's" in only(found, "clock").means


def test_jobs_of_others_and_those_that_no_look_has_seen_are_told(driver: Driver) -> None:
    driver.accepted(2)
    driver.sandbox.foreign(identifier_count=7)
    assert "0 active jobs of others, and 1 that no look has seen yet" in (
        only(looked(driver), "foreign jobs").means
    )
    driver.look_now()
    warning = only(looked(driver), "foreign jobs")
    assert warning.means.startswith("1 active job of others, and 0 that no look has seen yet: ")
    assert "(enrich company, 7)" in warning.means


def test_an_unresolved_submission_is_a_warning(driver: Driver) -> None:
    driver.unresolved(4, "reset_after")
    driver.look_now()
    warning = only(looked(driver), "unresolved")
    assert warning.means.startswith("1 submission of which nobody knows")
    assert "1 active job there may be" in warning.means


def test_an_account_that_hangs_holds_up_no_other(two: tuple[Driver, Driver]) -> None:
    settings = two[0].context.settings
    with hanging_port() as port:
        tables = dict(settings.accounts)
        tables["alpha"] = tables["alpha"].model_copy(
            update={"vendor_url": f"http://127.0.0.1:{port}"}
        )
        changed = settings.model_copy(update={"accounts": tables, "vendor_read_timeout": 0.5})
        found = look(changed, "vendor")
    assert {it.account for it in found if it.level == "problem"} == {"alpha"}
    assert "accepted" in only([it for it in found if it.account == "beta"], "key").means


def test_only_the_account_that_is_named_is_asked(two: tuple[Driver, Driver]) -> None:
    found = look(two[0].context.settings, "vendor", account="beta")
    assert {it.account for it in found} == {"beta"}
