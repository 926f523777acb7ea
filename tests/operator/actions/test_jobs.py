"""Jobs: cancelled before they are submitted; given up, merged and resolved as they were before."""

from __future__ import annotations

from uuid import uuid4

import pytest

from manager import ConflictError, InvalidRequestError, NotFoundError
from tests.operator.actions.acting import act, assert_true, failed, fulfilled, look
from tests.steps.driver import LONG, Driver, armed, under_way

pytestmark = pytest.mark.integration


def test_what_is_in_a_cancelled_job_waits_for_another(driver: Driver) -> None:
    request = driver.enqueue(3)
    gone = driver.enqueue(2, first=10)
    job_id = driver.packed()
    gone.cancel()
    shown = look(driver, "job.cancel", {"id": str(job_id)})
    assert (shown.count, shown.identifiers) == (1, 5)
    act(driver, "job.cancel", {"id": str(job_id)})
    job = driver.job(job_id)
    assert (job.state, job.why) == ("cancelled", "cancelled by ada: a test")
    assert driver.states() == {"pending": 3, "cancelled": 2}
    driver.submit(job_id)
    assert driver.sent() == []
    driver.drain()
    assert request.progress().fulfilled == 3
    assert_true(driver)


def test_what_the_vendor_has_cannot_be_cancelled_and_it_is_said_what_can_be_done(
    driver: Driver,
) -> None:
    job_id = driver.accepted(3)
    done = act(driver, "job.cancel", {"id": str(job_id)})
    assert done.count == 0
    assert "give-up" in done.sentence
    assert driver.job(job_id).state == "pending"


def test_a_job_that_is_being_submitted_is_not_cancelled(driver: Driver) -> None:
    job_id = driver.packed(3)
    with under_way(driver, job_id):
        assert act(driver, "job.cancel").count == 0
    driver.drain()
    driver.assert_bought_once(3)


def test_a_submission_that_is_overtaken_by_the_cancellation_sends_nothing(driver: Driver) -> None:
    job_id = driver.packed(3)
    with armed("before attempt.begin", "raise"):
        try:
            driver.submit(job_id)
        except Exception:
            act(driver, "job.cancel")
    driver.drain()
    driver.assert_bought_once(3)


def test_a_file_is_of_one_job_alone(driver: Driver) -> None:
    driver.accepted(2)
    driver.accepted(3, first=10)
    driver.drain()
    for what in (look, act):
        with pytest.raises(InvalidRequestError, match="of one job; 2 are chosen"):
            what(driver, "job.merge", {}, file="results.jsonl")


def test_several_are_given_up_and_what_is_refused_is_told(driver: Driver) -> None:
    driver.sandbox.fault("submit", "never_ends", times=2)
    one, other = driver.accepted(2), driver.accepted(3, first=10)
    with driver.context.ledger.lock_job(other):
        done = act(driver, "job.give-up")
    assert (done.count, len(done.refused)) == (1, 1)
    assert "being worked on" in done.refused[0]
    assert driver.job(one).state == "failed"
    assert driver.job(other).state == "pending"
    act(driver, "job.give-up", {"id": str(other)})
    assert driver.states() == {"failed": 5}
    assert_true(driver)


def test_what_cannot_be_done_to_a_single_job_is_an_error_that_says_why(driver: Driver) -> None:
    fulfilled(driver, 1)
    with pytest.raises(ConflictError, match="is merged: there is nothing to give up"):
        act(driver, "job.give-up")
    with pytest.raises(ConflictError, match="is merged: there is nothing to resolve"):
        act(driver, "job.send-again")
    with pytest.raises(NotFoundError, match="No job is chosen"):
        act(driver, "job.merge", {"id": str(uuid4())})


def test_a_given_up_job_is_merged_again_as_an_action(driver: Driver) -> None:
    request = failed(driver, 2)
    [job] = driver.rows("SELECT id, batch_id FROM job")
    driver.sandbox.end(job.batch_id)
    driver.sandbox.advance(LONG)
    driver.look_now()
    done = act(driver, "job.merge", {"id": str(job.id)})
    assert done.counts == {"fulfilled": 2, "not_found": 0}
    assert request.progress().fulfilled == 2
    assert driver.value("SELECT count(*) FROM operator_action WHERE action = 'job.merge'") == 1


def test_an_unresolved_submission_is_adopted_or_sent_again_as_an_action(driver: Driver) -> None:
    job_id = driver.unresolved(2, "reset_after")
    driver.hasten(seconds=10_000)
    [sent] = driver.sent()
    done = act(driver, "job.adopt", {"id": str(job_id)}, batch_id=sent["batch_id"], force="1")
    assert done.sentence == f"Job {job_id} is {sent['batch_id']}."
    driver.drain()
    driver.assert_bought_once(2)
