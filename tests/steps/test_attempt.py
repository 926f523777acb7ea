"""Attempt: what becomes of a submission is written down for it and for no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from manager.ledger.execute import first
from manager.semaphore import Holder, Owner
from manager.steps.attempt import Attempt, SizeTakenError
from manager.steps.submit import SQL, DueJob
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration

Begin = Callable[..., Attempt | None]


@pytest.fixture
def begin(driver: Driver) -> Iterator[Begin]:
    """Begin an attempt of a packed job, as `submit` does."""
    with ExitStack() as stack:

        def begun(job_id: UUID, by: Driver = driver, attempts: int | None = None) -> Attempt | None:
            connection = stack.enter_context(by.context.ledger.connect())
            standing = by.account.standing(connection)
            parameters = {"job_id": job_id, "account_id": standing.id}
            job = first(connection, SQL.due_job, DueJob, parameters)
            assert job is not None
            number = job.attempts if attempts is None else attempts
            return Attempt.begin(by.context, by.account, connection, standing, job, number)

        yield begun


def used(driver: Driver) -> int:
    """Calls to submit that count as made."""
    return driver.account.gate.calls("submit").used


def allowing(driver: Driver, calls: int) -> Driver:
    """One whose vendor allows so few calls a minute, as far as is known."""
    return driver.another(vendor_calls_per_minute=calls)


def everything(driver: Driver, job_id: UUID) -> Any:
    """The job's row, but for how long it has to wait still."""
    return driver.job(job_id)[:-1]


def test_it_is_committed_before_the_call_that_the_vendor_may_have_the_job(
    driver: Driver, begin: Begin
) -> None:
    job_id = driver.packed(3)
    attempt = begin(job_id)
    assert attempt is not None
    job = driver.job(job_id)  # as another connection sees it
    assert (job.state, job.slot, job.attempts) == ("submitting", attempt.slot, attempt.number)
    assert job.token_hash is None, "no webhook is asked for"
    assert driver.held() == {job_id}
    assert used(driver) == 1
    assert driver.calls("submit") == 0


@pytest.mark.parametrize("end", ["accept", "put_back", "leave_unresolved", "reject"])
def test_an_end_is_written_down_once_and_for_its_attempt_alone(
    driver: Driver, begin: Begin, end: str
) -> None:
    job_id = driver.packed(3)
    old = begin(job_id)
    assert old is not None
    assert old.put_back("test")
    new = begin(job_id)
    assert new is not None
    assert (old.number, new.number) == (1, 2)
    before = everything(driver, job_id)

    def write_down(attempt: Attempt) -> bool | None:
        match end:
            case "accept":
                return attempt.accept("the-batch", 3, "accepted")
            case "put_back":
                return attempt.put_back("no", timedelta(seconds=7), failed=True)
            case "leave_unresolved":
                attempt.leave_unresolved("no answer")
                return None
            case _:
                return attempt.reject("no")

    assert not write_down(old)
    assert everything(driver, job_id) == before
    assert driver.held() == {job_id}, "nor is the slot of the new one freed"
    assert write_down(new) is (None if end == "leave_unresolved" else True)
    job = driver.job(job_id)
    assert (job.state, job.slot, job.failures) == {
        "accept": ("pending", new.slot, 0),
        "put_back": ("packed", None, 1),
        "leave_unresolved": ("submitting", new.slot, 0),
        "reject": ("rejected", None, 0),
    }[end]


def test_what_is_put_back_waits_and_frees_its_slot(driver: Driver, begin: Begin) -> None:
    job_id = driver.packed(3)
    attempt = begin(job_id)
    assert attempt is not None
    assert attempt.put_back("too many", timedelta(seconds=7))
    job = driver.job(job_id)
    assert (job.state, job.slot, job.why, job.failures) == ("packed", None, "too many", 0)
    assert 5 < job.wait <= 7
    assert driver.held() == set()


def test_what_is_unresolved_keeps_its_slot_and_says_so(driver: Driver, begin: Begin) -> None:
    job_id = driver.packed(3)
    attempt = begin(job_id)
    assert attempt is not None
    attempt.leave_unresolved("no answer")
    job = driver.job(job_id)
    assert (job.state, job.why, job.error) == ("submitting", "unresolved: no answer", "no answer")
    assert job.unresolved_at is not None
    assert driver.held() == {job_id}


# A call that is granted and not made is given back


def test_an_attempt_that_another_hand_has_begun_gives_back_its_call_and_its_slot(
    driver: Driver, begin: Begin
) -> None:
    job_id = driver.packed(3)
    assert begin(job_id, attempts=7) is None
    assert used(driver) == 0
    assert driver.held() == set()
    assert driver.job(job_id).state == "packed"


def test_an_attempt_whose_size_is_taken_gives_back_its_call_and_its_slot(
    driver: Driver, begin: Begin
) -> None:
    first_job, second_job = driver.packed(3), driver.packed(3, first=10)
    assert begin(first_job) is not None
    with pytest.raises(SizeTakenError):
        begin(second_job)
    assert used(driver) == 1
    assert driver.held() == {first_job}


def test_an_attempt_whose_slot_the_ledger_refuses_gives_back_its_call(
    driver: Driver, begin: Begin
) -> None:
    first_job, second_job = driver.packed(3), driver.packed(2, first=10)
    assert begin(first_job) is not None
    slots = Owner(driver.context.ledger_id, driver.account.id).slots
    driver.context.redis.delete(slots)
    driver.context.redis.hset(slots, "ready", 1)
    assert begin(second_job) is None
    assert used(driver) == 1
    assert Holder(second_job, 1) not in driver.account.slots.holders().values()


def test_a_worker_that_was_too_slow_gives_back_its_call(driver: Driver) -> None:
    slow = driver.another(submit_deadline=0.0)
    job_id = slow.packed(3)
    slow.submit(job_id)
    assert driver.calls("submit") == 0
    assert used(driver) == 0
    assert driver.job(job_id).state == "packed"


# Waiting for one's turn is no failure


def test_without_a_call_it_waits_for_its_turn_and_has_not_failed(driver: Driver) -> None:
    driver = allowing(driver, 1)
    driver.account.gate.take("submit", "another", Worth.SUBMIT)
    job_id = driver.packed(3)
    [wake] = driver.submit(job_id)
    job = driver.job(job_id)
    assert (job.state, job.slot, job.failures, job.attempts) == ("packed", None, 0, 0)
    assert job.error is None
    assert job.waits_for.startswith("waits for its turn until ")
    assert 50 < job.wait <= 61
    assert wake[:3] == driver.wake("submit", job_id)[:3]
    assert wake.delay == pytest.approx(job.wait, abs=2)
    assert driver.held() == set()
    assert driver.calls("submit") == 0


def test_one_that_has_waited_for_its_turn_says_so_no_more(driver: Driver) -> None:
    driver = allowing(driver, 1)
    driver.account.gate.take("submit", "another", Worth.SUBMIT)
    job_id = driver.packed(3)
    driver.submit(job_id)
    driver.hasten()
    driver.submit(job_id)
    job = driver.job(job_id)
    assert (job.state, job.waits_for) == ("pending", None)


def test_without_a_call_no_slot_is_kept_from_others(driver: Driver, begin: Begin) -> None:
    job_id = driver.packed(3)
    few = allowing(driver, 1)
    few.account.gate.take("submit", "another", Worth.SUBMIT)
    with pytest.raises(NotYourTurn):
        begin(job_id, by=few)
    assert driver.held() == set()
    assert driver.job(job_id).state == "packed"
