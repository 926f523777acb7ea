"""What went wrong lately is a warning, until it is old or acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from manager.operator.acknowledge import acknowledge
from manager.operator.problems import Problem
from manager.operator.status import status
from manager.operator.status.recent import Found
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


def warnings(driver: Driver) -> Sequence[Problem]:
    driver.sweep()
    found = status(driver.context)
    assert found.ok
    return found.warnings


@pytest.fixture
def rejected(driver: Driver) -> UUID:
    """A job whose lane the vendor does not support."""
    job_id = driver.packed(3, fields=["no.such.field"])
    driver.submit(job_id)
    assert driver.job(job_id).state == "rejected"
    return job_id


def test_what_failed_is_counted_with_its_cause_and_what_to_do(
    driver: Driver, rejected: UUID
) -> None:
    [warning] = warnings(driver)
    assert warning.code == "jobs-failed"
    assert warning.text.startswith("1 job and 3 identifiers failed, the last at ")
    assert "does not support the field(s) no.such.field" in warning.text
    assert f"`enrichd jobs {rejected}`" in warning.way_out
    assert "`enrichd acknowledge` ends this warning." in warning.way_out


def test_it_ends_when_it_is_acknowledged_and_comes_back_with_the_next_failure(
    driver: Driver, rejected: UUID
) -> None:
    acknowledge(driver.context, driver.account.name)
    assert warnings(driver) == []
    driver.submit(driver.packed(2, first=10, fields=["no.other.field"]))
    [warning] = warnings(driver)
    assert warning.text.startswith("1 job and 2 identifiers failed")


def test_it_ends_when_it_is_old(driver: Driver, rejected: UUID) -> None:
    driver.execute("UPDATE job SET ended_at = ended_at - interval '7 hours'")
    assert warnings(driver) == []
    assert len(warnings(driver.another(failures_shown=8 * 3600.0))) == 1


def test_the_same_cause_is_told_once_whatever_the_numbers_in_it(
    driver: Driver, rejected: UUID
) -> None:
    driver.submit(driver.packed(5, first=100, fields=["no.such.field"]))
    driver.execute("UPDATE job SET why = identifier_count || ' things: ' || why")
    [warning] = warnings(driver)
    assert warning.text.startswith("2 jobs and 8 identifiers failed")


def test_what_an_operator_gave_up_is_known_to_him(driver: Driver) -> None:
    driver.give_up(driver.accepted(2))
    assert warnings(driver) == []


def test_a_job_that_found_nothing_is_a_warning_though_nothing_failed(driver: Driver) -> None:
    driver.enqueue(0, unknown=60)
    driver.drain()
    [warning] = warnings(driver)
    assert warning.code == "few-found"
    assert "found 0 of 60 (company/enrich by domains), and nothing is known" in warning.text


def test_a_job_that_found_far_less_than_its_lane_usually_does_is_a_warning(
    driver: Driver,
) -> None:
    driver.enqueue(90, unknown=10)
    driver.drain()
    assert warnings(driver) == []
    driver.enqueue(20, first=200, unknown=0)
    driver.manager.enqueue("domains", [f"s{n}.example" for n in range(80)], account="test")
    driver.drain()
    [warning] = warnings(driver)
    assert "found 20 of 100 (company/enrich by domains), where 90 % is usual" in warning.text


def test_one_that_delivered_after_it_was_given_up_is_held_against_its_lane_too(
    driver: Driver,
) -> None:
    driver.enqueue(90, unknown=10)
    driver.drain()
    driver.manager.enqueue("domains", [f"s{n}.example" for n in range(80)], account="test")
    driver.drain()
    driver.execute("UPDATE job SET completed_at = NULL WHERE identifier_count = 80")
    [warning] = warnings(driver)
    assert "found 0 of 80 (company/enrich by domains), where 90 % is usual" in warning.text


@pytest.mark.parametrize(
    ("asked", "found", "usually_asked", "usually_found", "unusual"),
    [
        (10_000, 0, 0, 0, True),
        (10_000, 1, 0, 0, False),  # a lane's first: nothing to hold it against
        (100, 40, 1_000, 900, True),
        (100, 50, 1_000, 900, False),
        (100, 3, 1_000, 50, False),  # such a lane
        (60, 0, 1_000, 50, False),  # may be chance
        (10_000, 0, 1_000, 50, True),
        (10_000, 0, 1_000, 0, False),  # it never finds any
    ],
)
def test_unusual_is_what_is_no_chance(
    asked: int, found: int, usually_asked: int, usually_found: int, unusual: bool
) -> None:
    ended = datetime.now(UTC)
    usual = (usually_asked, usually_found)
    made = Found(UUID(int=1), asked, found, "company/enrich", "domains", ended, *usual)
    assert made.is_unusual == unusual
