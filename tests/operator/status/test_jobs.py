"""Jobs in trouble: told once, with when it is tried again; normal load is no trouble."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from manager.operator.problems import Problem
from manager.operator.status import status
from tests.steps.driver import LONG, Driver, under_way

pytestmark = pytest.mark.integration


def warnings(driver: Driver) -> Sequence[Problem]:
    driver.sweep()
    found = status(driver.context)
    assert found.ok
    return found.warnings


def why(driver: Driver, job_id: object) -> str:
    said: str = driver.value("SELECT waits_for FROM job WHERE id = %(id)s", id=job_id) or ""
    return said


def test_a_job_that_waits_for_another_of_its_size_is_no_trouble(driver: Driver) -> None:
    first, second = driver.packed(2), driver.packed(2, first=10)
    with under_way(driver, first):
        driver.submit(second)
        assert why(driver, second) == "a job of the same size"
        assert warnings(driver) == []


def test_a_rate_limit_is_no_trouble(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=429, headers={"retry-after": "9"})
    driver.submit(driver.packed(2))
    assert warnings(driver) == []


def test_a_pause_is_told_once_and_what_waits_says_for_what(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=402)
    job_id = driver.packed(2)
    driver.submit(job_id)
    driver.sweep()
    found = status(driver.context)
    assert ([it.code for it in found.problems], found.warnings) == (["no-credits"], [])
    assert why(driver, job_id) == "the account to be resumed"
    driver.resume()
    driver.drain()
    assert driver.states() == {"fulfilled": 2}


def test_a_submission_that_fails_says_how_often_and_when_next(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=404)
    driver.submit(driver.packed(2))
    [warning] = warnings(driver)
    assert warning.code == "submission-failing"
    assert re.match(
        r"1 job could not be submitted \(1 time in a row, next at [\d:]{8} UTC\): ", warning.text
    )


def test_a_lost_answer_says_that_it_is_being_found_out(driver: Driver) -> None:
    job_id = driver.unresolved(2, "reset_after")
    [warning] = warnings(driver)
    assert warning.code == "submission-unresolved"
    driver.execute("UPDATE job SET unresolved_at = now() - interval '2 hours'")
    [problem] = status(driver.context).problems
    assert problem.code == "operator-needed"
    assert f"`enrichd resolve {job_id} --adopt BATCH_ID`" in problem.way_out


def test_results_that_cannot_be_had_are_told(driver: Driver) -> None:
    job_id = driver.completed(2)
    driver.sandbox.fault("download", "status", status=500, times=None)
    driver.merge(job_id)
    [warning] = warnings(driver)
    assert warning.code == "results-failing"
    driver.sandbox.clear_faults()


def test_while_the_list_cannot_be_had_a_job_says_since_when_and_until_when(driver: Driver) -> None:
    job_id = driver.accepted(2)
    driver.look_now()
    driver.sandbox.fault("list", "status", status=502, times=None)
    driver.sandbox.fault("status", "status", status=502, times=None)
    driver.look_now()
    said = why(driver, job_id)
    assert re.match(
        r"the vendor's list of jobs \(nothing was heard since [\d:]{8} UTC, next try at [\d:]{8} "
        r"UTC\): The vendor answered 502 ",
        said,
    )
    assert [it.code for it in warnings(driver)] == ["list-unavailable"]
    driver.sandbox.clear_faults()
    driver.look_now()
    assert why(driver, job_id) == ""
    assert warnings(driver) == []


def test_a_list_that_fails_is_not_asked_again_before_its_time(driver: Driver) -> None:
    """Though others' jobs, which a sweep would look for, take slots."""
    driver.sandbox.foreign()
    driver.accepted(2)
    driver.look_now()
    driver.sandbox.fault("list", "status", status=502)
    driver.look_now()
    planned = driver.value("SELECT look_at FROM account WHERE id = %(id)s", id=driver.account.id)
    driver.sweep()
    assert planned == driver.value(
        "SELECT look_at FROM account WHERE id = %(id)s", id=driver.account.id
    )


def test_after_a_refused_submission_the_list_is_asked_and_others_jobs_are_found(
    driver: Driver,
) -> None:
    """Not the one job of ours, which could tell nothing of theirs."""
    driver.accepted(2)
    driver.look_now()
    for _ in range(4):
        driver.sandbox.foreign(seconds=LONG * 10)
    driver.submit(driver.packed(3, first=10))
    lists = driver.calls("list")
    driver.look_now()
    assert driver.calls("list") == lists + 1
    assert "slots-taken" in [it.code for it in warnings(driver)]


@pytest.mark.parametrize(("status_code", "code"), [(401, "key-refused"), (402, "no-credits")])
@pytest.mark.parametrize("route", ["list", "status"])
def test_a_refusal_that_concerns_the_account_pauses_it_whatever_was_asked(
    driver: Driver, status_code: int, code: str, route: str
) -> None:
    job_id = driver.completed(2) if route == "status" else driver.accepted(2)
    driver.sandbox.fault(route, "status", status=status_code, times=None)
    if route == "status":
        driver.merge(job_id)
    else:
        driver.look_now()
    driver.sandbox.clear_faults()
    driver.sweep()
    assert [it.code for it in status(driver.context).problems] == [code]
