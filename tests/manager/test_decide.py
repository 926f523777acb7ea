"""Decide: an operator says what became of a submission that cannot be resolved."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from manager import decide
from manager.errors import ConflictError, NotFoundError, UnavailableError
from manager.submit import submit
from tests.manager.daemon import LONG, Daemon, domains

pytestmark = pytest.mark.integration


@pytest.fixture
def stuck(daemon: Daemon) -> UUID:
    """Accepted, ended, and its results are never to be read: it stays `submitting` by itself."""
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "status", status=404, times=None)
    assert daemon.look(job_id, times=10) == "submitting"
    return job_id


def batch_of(daemon: Daemon) -> str:
    batch_id: str = daemon.sent()[0]["batch_id"]
    return batch_id


def test_it_says_which_jobs_at_the_vendor_it_may_be(daemon: Daemon, stuck: UUID) -> None:
    why = f"unresolved: 1 job(s) at the vendor may be this one: {batch_of(daemon)}"
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
    daemon.sandbox.foreign(identifiers=domains(3, first=9_000), seconds=5)
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "status", status=404, times=4)
    assert daemon.look(job_id) == "submitting"
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
    with pytest.raises(ConflictError, match=f"{batch_id} is another job of the ledger already"):
        decide.adopt(daemon.context, stuck, batch_id)
    assert daemon.job(stuck).state == "submitting"


def test_a_job_of_another_size_cannot_be_adopted(daemon: Daemon, stuck: UUID) -> None:
    batch_id = daemon.sandbox.foreign(identifiers=domains(4, first=9_000), seconds=5)["batch_id"]
    with pytest.raises(ConflictError, match=r"has 4 identifiers and job .* has 3, so it is not"):
        decide.adopt(daemon.context, stuck, batch_id)


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
