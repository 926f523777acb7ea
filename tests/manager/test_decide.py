"""Decide: an operator says what became of a submission that cannot be resolved."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from manager import decide
from manager.context import Context
from manager.errors import ConfigurationError, ConflictError, NotFoundError, UnavailableError
from manager.submit import KEEP_ANSWER, submit
from manager.vendor.types import VendorJob
from tests.manager.daemon import LONG, Daemon, domains

pytestmark = pytest.mark.integration


@pytest.fixture
def stuck(daemon: Daemon) -> UUID:
    """Accepted, ended, and its results are never to be read: it stays `submitting` by itself."""
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "status", status=404, times=None)
    assert daemon.look(job_id, times=10) == "submitting"
    daemon.hasten(seconds=KEEP_ANSWER)
    return job_id


def foreign(daemon: Daemon, count: int) -> str:
    """A job of somebody else with the same key, of so many identifiers."""
    made = daemon.sandbox.foreign(identifiers=domains(count, first=9_000), seconds=5)
    batch_id: str = made["batch_id"]
    return batch_id


def batch_of(daemon: Daemon) -> str:
    batch_id: str = daemon.sent()[0]["batch_id"]
    return batch_id


def test_it_says_which_jobs_at_the_vendor_it_may_be(daemon: Daemon, stuck: UUID) -> None:
    why = f"unresolved: 1 job(s) at the vendor may be this one: {batch_of(daemon)} (completed)"
    assert daemon.job(stuck).why == why


def test_what_an_operator_adopts_is_merged_and_not_bought_again(
    daemon: Daemon, stuck: UUID
) -> None:
    decide.adopt(daemon.context, stuck, batch_of(daemon))
    job = daemon.job(stuck)
    assert (job.state, job.batch_id) == ("pending", batch_of(daemon))
    assert job.why == f"an operator: it is {batch_of(daemon)}"
    daemon.sandbox.clear_faults()
    daemon.drain()
    daemon.assert_bought_once()


def test_what_an_operator_sends_again_frees_its_slot_and_is_bought(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    foreign(daemon, 3)
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "status", status=404, times=4)
    assert daemon.look(job_id) == "submitting"
    daemon.hasten(seconds=KEEP_ANSWER)
    decide.send_again(daemon.context, job_id)
    job = daemon.job(job_id)
    assert (job.state, job.slot) == ("packed", None)
    assert job.why == "an operator: the vendor does not have it"
    assert daemon.held() == set()
    daemon.sandbox.clear_faults()
    daemon.drain()
    daemon.assert_bought_once()


def test_another_job_of_the_ledger_cannot_be_adopted(daemon: Daemon, stuck: UUID) -> None:
    known = daemon.accepted(2, first=100)
    batch_id = daemon.job(known).batch_id
    with pytest.raises(ConflictError, match=f"{batch_id} is not job {stuck}: it is another one"):
        decide.adopt(daemon.context, stuck, batch_id)
    assert daemon.job(stuck).state == "submitting"


def test_a_job_of_another_size_cannot_be_adopted(daemon: Daemon, stuck: UUID) -> None:
    batch_id = foreign(daemon, 4)
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* it has 4 identifiers, not 3"):
        decide.adopt(daemon.context, stuck, batch_id)


def test_a_job_whose_results_name_others_cannot_be_adopted(daemon: Daemon, stuck: UUID) -> None:
    batch_id = foreign(daemon, 3)
    daemon.sandbox.advance(LONG)
    daemon.sandbox.clear_faults()
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* its results name others"):
        decide.adopt(daemon.context, stuck, batch_id)


def test_a_job_from_before_the_submission_cannot_be_adopted(
    daemon: Daemon, stuck: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = daemon.job(stuck).submitting_at - timedelta(days=3)
    theirs = VendorJob(batch_id="theirs", status="completed", created_at=early)
    monkeypatch.setattr(daemon.context.vendor, "status", lambda _: theirs)
    with pytest.raises(ConflictError, match=f"theirs is not .* created at {early.date()}"):
        decide.adopt(daemon.context, stuck, "theirs")


def test_a_job_that_is_at_work_is_neither_adopted_nor_passed_over_without_force(
    daemon: Daemon, stuck: UUID
) -> None:
    batch_id = foreign(daemon, 3)
    with pytest.raises(ConflictError, match=f"{batch_id} is not .* it is processing; wait until"):
        decide.adopt(daemon.context, stuck, batch_id)
    with pytest.raises(
        ConflictError, match=f"may have job {stuck}: {batch_id} is processing. Wait"
    ):
        decide.send_again(daemon.context, stuck)
    assert daemon.job(stuck).state == "submitting"
    decide.adopt(daemon.context, stuck, batch_id, force=True)
    assert daemon.job(stuck).batch_id == batch_id


def test_what_a_webhook_told_of_is_not_sent_again_without_force(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    daemon.hasten(seconds=LONG)
    daemon.execute("UPDATE job SET webhook_at = now()")
    assert daemon.look(job_id, times=6) == "submitting"
    why = "unresolved: not on the vendor's list yet although its webhook came"
    assert daemon.job(job_id).why == why
    with pytest.raises(ConflictError, match=f"The vendor has had job {job_id}: its webhook came"):
        decide.send_again(daemon.context, job_id)
    decide.send_again(daemon.context, job_id, force=True)
    assert daemon.job(job_id).state == "packed"


def test_what_the_vendors_results_show_to_be_there_is_never_sent_again(
    daemon: Daemon, stuck: UUID
) -> None:
    daemon.sandbox.clear_faults()
    with pytest.raises(ConflictError, match=f"has job {stuck}: .* Use --adopt {batch_of(daemon)}"):
        decide.send_again(daemon.context, stuck, force=True)


def test_nothing_is_sent_again_within_the_time_that_the_vendors_list_may_lag(
    daemon: Daemon, stuck: UUID
) -> None:
    with pytest.raises(ConflictError, match=r"may be under way; try again in \d+ s"):
        decide.send_again(daemon.another(resolve_window=100_000).context, stuck)


def test_where_results_cannot_be_written_they_decide_nothing(
    daemon: Daemon, stuck: UUID, tmp_path: Path
) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    decide.adopt(daemon.another(spool_dir=nowhere).context, stuck, batch_of(daemon))
    assert daemon.job(stuck).state == "pending"


def test_an_answer_that_comes_meanwhile_is_the_one_that_counts(
    daemon: Daemon, stuck: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = foreign(daemon, 3)
    daemon.sandbox.advance(LONG)

    def answer_comes(*_: Any) -> VendorJob:
        daemon.execute(
            "UPDATE job SET state = 'pending', why = 'accepted', batch_id = %(batch_id)s",
            batch_id=batch_of(daemon),
        )
        return status(other)

    status = daemon.context.vendor.status
    monkeypatch.setattr(daemon.context.vendor, "status", answer_comes)
    with pytest.raises(ConflictError, match=f"Job {stuck} is not `submitting` any more"):
        decide.adopt(daemon.context, stuck, other)
    assert daemon.job(stuck).batch_id == batch_of(daemon)


def test_without_redis_nothing_is_begun(daemon: Daemon, stuck: UUID) -> None:
    settings = daemon.context.settings.model_copy(update={"redis_url": None})
    with pytest.raises(ConfigurationError, match="Redis's URL is not set"):
        decide.send_again(Context(settings, "test"), stuck)
    assert daemon.job(stuck).state == "submitting"


@pytest.mark.parametrize("batch_id", ["nothing-like-it", "", "../batch", "x" * 10_000])
def test_what_the_vendor_does_not_have_cannot_be_adopted(
    daemon: Daemon, stuck: UUID, batch_id: str
) -> None:
    with pytest.raises(NotFoundError, match="The vendor has no job"):
        decide.adopt(daemon.context, stuck, batch_id)


def test_while_the_vendor_does_not_answer_nothing_is_adopted(daemon: Daemon, stuck: UUID) -> None:
    daemon.sandbox.fault("status", "status", status=503)
    with pytest.raises(UnavailableError, match="The vendor does not say what"):
        decide.adopt(daemon.context, stuck, batch_of(daemon))
    assert daemon.job(stuck).state == "submitting"


def test_what_may_be_under_way_cannot_be_sent_again(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_after")
    with pytest.raises(ConflictError, match=r"may be under way; try again in \d+ s"):
        decide.send_again(daemon.context, job_id)
    assert daemon.job(job_id).state == "submitting"


def test_what_is_being_worked_on_cannot_be_decided(daemon: Daemon, stuck: UUID) -> None:
    with (
        daemon.another().context.ledger.lock_job(stuck),
        pytest.raises(ConflictError, match="is being worked on"),
    ):
        decide.send_again(daemon.context, stuck)


def test_what_is_not_submitting_has_nothing_to_resolve(daemon: Daemon) -> None:
    job_id = daemon.packed(3)
    with pytest.raises(ConflictError, match="is packed: there is nothing to resolve"):
        decide.send_again(daemon.context, job_id)
    submit(daemon.context, job_id)
    with pytest.raises(ConflictError, match="is pending: there is nothing to resolve"):
        decide.adopt(daemon.context, job_id, batch_of(daemon))


def test_a_job_that_is_not_in_the_ledger_is_named(daemon: Daemon) -> None:
    job_id = uuid4()
    with pytest.raises(NotFoundError, match=f"There is no job {job_id} in the ledger"):
        decide.send_again(daemon.context, job_id)
