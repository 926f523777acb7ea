"""Judge: whose a job at the vendor is. Few calls, and a verdict is passed once."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from manager.steps.look import look
from manager.steps.resolve import resolve
from tests.steps.driver import LONG, Driver, domains, under_way

pytestmark = pytest.mark.integration


def foreign(driver: Driver, count: int = 3, seconds: float = 5, first: int = 9_000) -> str:
    """A job of somebody else with the same key, which begins now."""
    driver.clock.pass_by(0)
    made = driver.sandbox.foreign(identifiers=domains(count, first), seconds=seconds)
    batch_id: str = made["batch_id"]
    return batch_id


def whose(driver: Driver, batch_id: str) -> tuple[str, str | None]:
    sql = "SELECT whose, judged_why FROM vendor_job WHERE batch_id = %(id)s"
    [row] = driver.rows(sql, id=batch_id)
    return row.whose, row.judged_why


def reads(driver: Driver) -> tuple[int, int]:
    """The calls that judging costs: to status and to download."""
    return driver.calls("status"), driver.calls("download")


# Foreign by exclusion


def test_what_no_submission_of_ours_could_be_is_never_read(driver: Driver) -> None:
    driver.accepted(3)
    theirs = foreign(driver)
    driver.sandbox.advance(LONG)
    driver.look_now()
    why = "no submission of ours was under way that it could be"
    assert whose(driver, theirs) == ("foreign", why)
    assert reads(driver) == (0, 0)


def test_what_was_foreign_before_is_no_candidate_of_a_later_submission(driver: Driver) -> None:
    """It was seen before ours was sent, so it cannot be ours."""
    driver.accepted(1, first=100)
    theirs = foreign(driver)
    driver.look_now()
    job_id = driver.unresolved(3, "reset_before")
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    assert whose(driver, theirs)[0] == "foreign"
    assert reads(driver) == (0, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"identifiers": domains(4)},
        {"identifiers": domains(3), "entity": "person"},
        {"identifiers": domains(3), "action": "search"},
    ],
)
def test_what_is_of_another_size_or_kind_is_never_read(
    driver: Driver, arguments: dict[str, Any]
) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.sandbox.foreign(seconds=5, **arguments)
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    assert reads(driver) == (0, 0)


def test_an_entity_with_a_suffix_is_the_same_entity(driver: Driver) -> None:
    driver.sandbox.set(list_entity_suffix="_v2024")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert driver.look(job_id) == "completed"


def test_while_a_submission_is_under_way_nothing_of_its_size_is_excluded(driver: Driver) -> None:
    job_id = driver.packed(3)
    other = driver.another()
    with under_way(driver, job_id):
        theirs = foreign(driver)
        other.look_now()
        assert whose(driver, theirs)[0] == "open"
    driver.look_now()
    assert whose(driver, theirs)[0] == "foreign"
    assert reads(driver) == (0, 0)


# A verdict is passed once


def test_what_named_others_is_not_read_again(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    theirs = foreign(driver)
    driver.sandbox.advance(LONG)
    assert driver.look(job_id) == "submitting"
    assert whose(driver, theirs) == ("foreign", "its results name others")
    once = reads(driver)
    assert once == (1, 1)
    driver.look(job_id, times=3)
    assert reads(driver) == once


def test_a_verdict_holds_for_every_submission(driver: Driver) -> None:
    """Also for the next attempt of the same job, and for another job of that size."""
    job_id = driver.unresolved(3, "reset_before", times=2)
    foreign(driver)
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    once = reads(driver)
    driver.submit(job_id)
    assert driver.look(job_id, times=4) == "packed"
    assert reads(driver) == once


def test_what_delivered_nothing_is_not_asked_about_twice(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.look(job_id, times=3)
    assert whose(driver, driver.sent()[0]["batch_id"]) == ("empty", "it delivered nothing")
    assert driver.calls("download") == 0
    assert driver.calls("status") <= 1


def test_what_is_at_work_is_not_asked_about(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    foreign(driver, seconds=LONG)
    driver.look(job_id, times=5)
    assert reads(driver) == (0, 0)


# The likely ones first


@pytest.mark.parametrize("ahead", [0, 240, -240])
def test_what_was_created_during_the_call_is_judged_first_by_the_vendors_clock(
    driver: Driver, ahead: float
) -> None:
    driver.clock.ahead = ahead
    for number in range(2):  # long before, but within what clocks may differ
        foreign(driver, seconds=100_000, first=9_000 + 10 * number)
    driver.hasten(120)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.hasten(seconds=LONG)
    for number in range(3):  # and long after
        foreign(driver, first=9_100 + 10 * number)
    driver.sandbox.advance(5)
    assert driver.look(job_id) == "completed"
    assert driver.calls("status") == 1, "that of ours"


def test_those_outside_are_judged_when_nothing_likely_is_left(
    driver: Driver,
) -> None:
    driver.completed(1, first=500)  # tells how the vendor's clock goes
    job_id = driver.unresolved(3, "reset_before")
    driver.hasten(seconds=LONG)
    late = [foreign(driver, seconds=1, first=9_000 + 10 * number) for number in range(3)]
    driver.sandbox.advance(5)
    patient = driver.another(resolve_window=10_000)
    patient.look_now()
    patient.resolve(job_id)
    assert driver.calls("status") == 3
    assert {whose(driver, it)[0] for it in late} == {"foreign"}


def test_ours_is_found_although_its_time_is_wrong(driver: Driver) -> None:
    """The vendor created it minutes later than the call ended, or says so."""
    driver.sandbox.fault("submit", "reset_after")
    job_id = driver.packed(3)
    driver.clock.ahead = 200
    driver.submit(job_id)
    driver.clock.ahead = 0
    driver.sandbox.advance(LONG)
    patient = driver.another(resolve_window=10_000)
    patient.look_now()
    patient.resolve(job_id)
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]


def test_those_outside_do_not_keep_it_from_being_sent_again(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.look(job_id, times=3)
    for number in range(4):
        foreign(driver, seconds=100_000, first=9_000 + 10 * number)
    assert driver.look(job_id) == "packed"
    assert reads(driver) == (0, 0)


# Another tool that starts jobs as large as ours, again and again


TICK = 5.0


class Busy:
    """Goes through time in ticks: looks as they are due, resolves, and lets time pass."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.passed = 0.0

    def until_resolved(self, job_id: UUID, limit: float) -> float:
        """Seconds until it is not `submitting` any more."""
        began = self.passed
        while self.driver.job(job_id).state == "submitting":
            assert self.passed - began < limit, self.driver.job(job_id).why
            self.tick(job_id)
        return self.passed - began

    def tick(self, job_id: UUID) -> None:
        """A look, what it finds, and five seconds."""
        driver = self.driver
        driver.execute("UPDATE account SET look_at = now()")
        look(driver.context, driver.account)
        driver.execute("UPDATE job SET due_at = now() WHERE due_at > now()")
        resolve(driver.context, driver.account, job_id)
        driver.sandbox.advance(TICK)
        driver.hasten(seconds=TICK)
        self.passed += TICK


def waited(driver: Driver, job_id: UUID) -> int:
    """The age at which it was sent again."""
    why = driver.job(job_id).why
    found = re.search(r"looks in (\d+) s", why)
    assert found, why
    return int(found[1])


@pytest.fixture
def busy(driver: Driver) -> Busy:
    return Busy(driver.another(resolve_window=60))


def neighbour(driver: Driver) -> None:
    """It starts a job as large as our last one every 4 to 12 s; each takes 1 to 3 s."""
    driver.sandbox.set(
        foreign_every_seconds=[4, 12],
        foreign_seconds=[1, 3],
        foreign_size="last",
        foreign_in_cap=False,
        seed=7,
    )


def foreign_seen(driver: Driver) -> int:
    count: int = driver.value("SELECT count(*) FROM vendor_job WHERE whose = 'foreign'")
    return count


def test_every_lost_answer_that_the_vendor_has_is_adopted(busy: Busy) -> None:
    driver = busy.driver
    driver.completed(3, first=500)
    neighbour(driver)
    for number in range(4):
        job_id = driver.unresolved(3, "reset_after", first=10 * number)
        before = driver.calls("status")
        assert busy.until_resolved(job_id, limit=90) <= 30
        ours = [job for job in driver.sent() if job["batch_id"] == driver.job(job_id).batch_id]
        assert len(ours) == 1
        assert driver.calls("status") - before <= 8
        driver.run(driver.wake("merge", job_id))
    assert driver.states()["fulfilled"] >= 12
    assert foreign_seen(driver) >= 5
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_every_lost_answer_that_the_vendor_does_not_have_is_sent_again(busy: Busy) -> None:
    driver = busy.driver
    driver.completed(3, first=500)
    neighbour(driver)
    for number in range(3):
        job_id = driver.unresolved(3, "reset_before", first=10 * number)
        before = driver.calls("status")
        busy.until_resolved(job_id, limit=150)
        assert 60 <= waited(driver, job_id) <= 60 + 30
        assert driver.job(job_id).state == "packed"
        assert driver.held() == set()
        assert driver.calls("status") - before <= 16
        driver.hasten()
        driver.submit(job_id)
        driver.sandbox.advance(LONG)
        driver.look_now()
        driver.run(driver.wake("merge", job_id))
    assert driver.states()["fulfilled"] >= 9
    assert foreign_seen(driver) >= 15


# Two accounts whose keys share one account at the vendor


def test_two_accounts_with_one_vendor_account_see_each_others_jobs_as_foreign(
    two: tuple[Driver, Driver],
) -> None:
    one, other = two
    lost = one.unresolved(3, "reset_before")
    theirs = other.accepted(3, first=100)
    one.sandbox.advance(LONG)
    other.look_now()
    assert one.look(lost, times=4) == "packed"
    assert other.job(theirs).state == "completed"
    assert one.rows("SELECT account_id, whose FROM vendor_job ORDER BY account_id") == [
        (one.account.id, "foreign"),
        (other.account.id, "ours"),
    ]


def test_the_job_of_another_account_is_not_adopted_though_it_names_the_same(
    two: tuple[Driver, Driver],
) -> None:
    one, other = two
    lost = one.unresolved(3, "reset_before")
    theirs = other.accepted(3)
    one.sandbox.advance(LONG)
    other.look_now()
    assert one.look(lost, times=4) == "packed"
    assert one.job(lost).batch_id is None
    assert other.job(theirs).state == "completed"


def test_what_another_account_has_adopted_is_not_adopted_again(
    two: tuple[Driver, Driver],
) -> None:
    """Both have lost the answer for the same identifiers, and the vendor has one of the two."""
    one, other = two
    first = one.unresolved(3, "reset_after")
    second = other.unresolved(3, "reset_before")
    one.sandbox.advance(LONG)
    other.look_now()  # it is a candidate of both
    assert one.look(first) == "completed"
    assert other.look(second, times=4) == "packed"
