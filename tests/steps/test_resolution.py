"""Decide: an operator says what became of a submission that cannot be resolved."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from manager.errors import ConfigurationError, ConflictError, NotFoundError, UnavailableError
from manager.operator import resolution
from manager.steps.attempt import KEEP_ANSWER
from manager.steps.context import Context
from manager.vendor.types import VendorJob
from tests.steps.driver import LONG, Driver, domains

pytestmark = pytest.mark.integration


@pytest.fixture
def stuck(driver: Driver) -> UUID:
    """Accepted, ended, and its results are never to be read: it stays `submitting` by itself."""
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "status", status=404, times=None)
    assert driver.look(job_id, times=4) == "submitting"
    driver.hasten(seconds=KEEP_ANSWER)
    return job_id


def foreign(driver: Driver, count: int) -> str:
    """A job of somebody else with the same key, of so many identifiers."""
    driver.clock.pass_by(0)
    made = driver.sandbox.foreign(identifiers=domains(count, first=9_000), seconds=5)
    batch_id: str = made["batch_id"]
    return batch_id


def batch_of(driver: Driver) -> str:
    batch_id: str = driver.sent()[0]["batch_id"]
    return batch_id


def test_it_says_which_jobs_at_the_vendor_it_may_be(driver: Driver, stuck: UUID) -> None:
    why = f"unresolved: 1 job(s) at the vendor may be this one: {batch_of(driver)} (completed)"
    assert driver.job(stuck).why == why


def test_what_an_operator_adopts_is_merged_and_not_bought_again(
    driver: Driver, stuck: UUID
) -> None:
    resolution.adopt(driver.context, stuck, batch_of(driver))
    job = driver.job(stuck)
    assert (job.state, job.batch_id, job.slot) == ("completed", batch_of(driver), None)
    moves = "SELECT why FROM job_event WHERE job_id = %(id)s AND to_state = 'pending'"
    assert driver.value(moves, id=stuck) == f"an operator: it is {batch_of(driver)}"
    assert driver.held() == set()
    driver.sandbox.clear_faults()
    driver.drain()
    driver.assert_bought_once()


def test_what_an_operator_sends_again_frees_its_slot_and_is_bought(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    foreign(driver, 3)
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "status", status=404, times=4)
    assert driver.look(job_id) == "submitting"
    driver.hasten(seconds=KEEP_ANSWER)
    resolution.send_again(driver.context, job_id)
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("packed", None)
    assert job.why == "an operator: the vendor does not have it"
    assert driver.held() == set()
    driver.sandbox.clear_faults()
    driver.drain()
    driver.assert_bought_once()


def test_another_job_of_the_ledger_cannot_be_adopted(driver: Driver, stuck: UUID) -> None:
    known = driver.accepted(2, first=100)
    batch_id = driver.job(known).batch_id
    with pytest.raises(
        ConflictError, match=f"{batch_id} is not taken for job {stuck}: it is another one"
    ):
        resolution.adopt(driver.context, stuck, batch_id)
    assert driver.job(stuck).state == "submitting"


def test_a_job_of_another_size_cannot_be_adopted(driver: Driver, stuck: UUID) -> None:
    batch_id = foreign(driver, 4)
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* it has 4 identifiers, not 3"):
        resolution.adopt(driver.context, stuck, batch_id)


def test_a_job_whose_results_name_others_cannot_be_adopted(driver: Driver, stuck: UUID) -> None:
    batch_id = foreign(driver, 3)
    driver.sandbox.advance(LONG)
    driver.sandbox.clear_faults()
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* its results name others"):
        resolution.adopt(driver.context, stuck, batch_id)


def test_a_job_from_before_the_submission_cannot_be_adopted(
    driver: Driver, stuck: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = driver.job(stuck).submitting_at - timedelta(days=3)
    theirs = VendorJob(batch_id="theirs", status="completed", created_at=early)
    monkeypatch.setattr(driver.account.vendor, "status", lambda _, **__: theirs)
    with pytest.raises(ConflictError, match=f"theirs is not .* created at {early.date()}"):
        resolution.adopt(driver.context, stuck, "theirs")


def test_a_job_that_is_at_work_is_neither_adopted_nor_passed_over_without_force(
    driver: Driver, stuck: UUID
) -> None:
    batch_id = foreign(driver, 3)
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* it is processing; wait until"):
        resolution.adopt(driver.context, stuck, batch_id)
    with pytest.raises(
        ConflictError, match=f"may have job {stuck}: {batch_id} is processing. Wait"
    ):
        resolution.send_again(driver.context, stuck)
    assert driver.job(stuck).state == "submitting"
    resolution.adopt(driver.context, stuck, batch_id, force=True)
    assert (driver.job(stuck).batch_id, driver.job(stuck).state) == (batch_id, "processing")
    assert driver.held() == {stuck}


def test_what_a_webhook_told_of_is_not_sent_again_without_force(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.hasten(seconds=LONG)
    driver.execute("UPDATE job SET webhook_at = now()")
    assert driver.look(job_id, times=6) == "submitting"
    why = "unresolved: not on the vendor's list yet although its webhook came"
    assert driver.job(job_id).why == why
    with pytest.raises(ConflictError, match=f"The vendor has had job {job_id}: its webhook came"):
        resolution.send_again(driver.context, job_id)
    resolution.send_again(driver.context, job_id, force=True)
    assert driver.job(job_id).state == "packed"


def test_what_the_vendors_results_show_to_be_there_is_never_sent_again(
    driver: Driver, stuck: UUID
) -> None:
    driver.sandbox.clear_faults()
    with pytest.raises(ConflictError, match=f"has job {stuck}: .* Use --adopt {batch_of(driver)}"):
        resolution.send_again(driver.context, stuck, force=True)


def test_nothing_is_sent_again_within_the_time_that_the_vendors_list_may_lag(
    driver: Driver, stuck: UUID
) -> None:
    with pytest.raises(ConflictError, match=r"may be under way; try again in \d+ s"):
        resolution.send_again(driver.another(resolve_window=100_000).context, stuck)


def test_where_results_cannot_be_written_they_decide_nothing(
    driver: Driver, stuck: UUID, tmp_path: Path
) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    resolution.adopt(driver.another(spool_dir=nowhere).context, stuck, batch_of(driver))
    assert driver.job(stuck).state == "completed"


def test_an_answer_that_comes_meanwhile_is_the_one_that_counts(
    driver: Driver, stuck: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = foreign(driver, 3)
    driver.sandbox.advance(LONG)

    def answer_comes(*_: Any, **__: Any) -> VendorJob:
        driver.execute(
            "UPDATE job SET state = 'pending', why = 'accepted', batch_id = %(batch_id)s",
            batch_id=batch_of(driver),
        )
        return status(other)

    status = driver.account.vendor.status
    monkeypatch.setattr(driver.account.vendor, "status", answer_comes)
    with pytest.raises(ConflictError, match=f"Job {stuck} is not `submitting` any more"):
        resolution.adopt(driver.context, stuck, other)
    assert driver.job(stuck).batch_id == batch_of(driver)


def test_without_redis_nothing_is_begun(driver: Driver, stuck: UUID) -> None:
    settings = driver.context.settings.model_copy(update={"redis_url": None})
    with pytest.raises(ConfigurationError, match="Redis's URL is not set"):
        resolution.send_again(Context(settings, "test"), stuck)
    assert driver.job(stuck).state == "submitting"


@pytest.mark.parametrize("batch_id", ["nothing-like-it", "", "../batch", "x" * 10_000])
def test_what_the_vendor_does_not_have_cannot_be_adopted(
    driver: Driver, stuck: UUID, batch_id: str
) -> None:
    with pytest.raises(NotFoundError, match="The vendor has no job"):
        resolution.adopt(driver.context, stuck, batch_id)


def test_while_the_vendor_does_not_answer_nothing_is_adopted(driver: Driver, stuck: UUID) -> None:
    driver.sandbox.fault("status", "status", status=503)
    with pytest.raises(UnavailableError, match="The vendor does not say what"):
        resolution.adopt(driver.context, stuck, batch_of(driver))
    assert driver.job(stuck).state == "submitting"


def test_what_may_be_under_way_cannot_be_sent_again(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    with pytest.raises(ConflictError, match=r"may be under way; try again in \d+ s"):
        resolution.send_again(driver.context, job_id)
    assert driver.job(job_id).state == "submitting"


def test_what_is_being_worked_on_cannot_be_decided(driver: Driver, stuck: UUID) -> None:
    with (
        driver.another().context.ledger.lock_job(stuck),
        pytest.raises(ConflictError, match="is being worked on"),
    ):
        resolution.send_again(driver.context, stuck)


def test_what_is_not_submitting_has_nothing_to_resolve(driver: Driver) -> None:
    job_id = driver.packed(3)
    with pytest.raises(ConflictError, match="is packed: there is nothing to resolve"):
        resolution.send_again(driver.context, job_id)
    driver.submit(job_id)
    with pytest.raises(ConflictError, match="is pending: there is nothing to resolve"):
        resolution.adopt(driver.context, job_id, batch_of(driver))


def test_a_job_that_is_not_in_the_ledger_is_named(driver: Driver) -> None:
    job_id = uuid4()
    with pytest.raises(NotFoundError, match=f"There is no job {job_id} in the ledger"):
        resolution.send_again(driver.context, job_id)
