"""Resolve: whether the vendor has a job whose answer was lost; the content decides."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from manager.context import Wake
from manager.poll import poll
from manager.resolve import resolve
from manager.submit import submit
from tests.manager.daemon import LONG, Daemon, domains
from tests.manager.results_file import envelope

pytestmark = pytest.mark.integration


def foreign(daemon: Daemon, seconds: float = 5, **arguments: Any) -> None:
    """A job of somebody else with the same key: of three unless it is told."""
    if not arguments:
        arguments = {"identifiers": domains(3, first=9_000)}
    daemon.sandbox.foreign(seconds=seconds, **arguments)


# It was accepted


def test_what_was_accepted_is_adopted_when_its_results_name_our_identifiers(
    daemon: Daemon,
) -> None:
    job_id = daemon.unresolved(3, "reset_after")
    assert daemon.look(job_id, times=5) == "submitting"
    why = f"unresolved: 1 job(s) at the vendor may be this one: {daemon.sent()[0]['batch_id']}"
    assert daemon.job(job_id).why == f"{why} (pending)"
    assert daemon.held() == {job_id}, "what may be ours holds a slot"
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    assert resolve(daemon.context, job_id) == [Wake("poll")]
    job, [sent] = daemon.job(job_id), daemon.sent()
    assert (job.state, job.batch_id, job.slot) == ("pending", sent["batch_id"], 1)
    assert job.why.startswith(f"resolved: it is {sent['batch_id']}")
    daemon.drain()
    daemon.assert_bought_once()


def test_it_is_found_as_soon_as_the_list_shows_it(daemon: Daemon) -> None:
    daemon.sandbox.set(list_lag_seconds=30)
    job_id = daemon.unresolved(3, "status", status=504, after=True)
    window = daemon.another(resolve_window=10_000)
    for _ in range(6):  # more than resolve_looks, but within the window
        window.hasten()
        resolve(window.context, job_id)
    assert daemon.job(job_id).why == "unresolved: not on the vendor's list yet"
    assert daemon.job(job_id).state == "submitting"
    daemon.sandbox.advance(LONG)
    daemon.drain()
    daemon.assert_bought_once()


@pytest.mark.parametrize("theirs", ["active", "completed", "both"])
def test_it_is_told_from_the_jobs_of_others_by_its_content(daemon: Daemon, theirs: str) -> None:
    foreign(daemon, seconds=1 if theirs == "completed" else 100_000)
    job_id = daemon.unresolved(3, "reset_after")
    foreign(daemon, seconds=100_000 if theirs == "active" else 1, identifiers=domains(3, 9_100))
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    resolve(daemon.context, job_id)
    assert daemon.job(job_id).batch_id == daemon.sent()[0]["batch_id"]
    daemon.drain()
    daemon.assert_bought_once()


def test_another_that_shares_some_of_our_identifiers_is_not_ours(daemon: Daemon) -> None:
    job_id = daemon.unresolved(5, "reset_after")
    foreign(daemon, identifiers=[*domains(2), *domains(3, 9_000)])
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    resolve(daemon.context, job_id)
    assert daemon.job(job_id).batch_id == daemon.sent()[0]["batch_id"]


def test_strange_lines_in_our_own_results_do_not_disown_it(daemon: Daemon) -> None:
    for flaw in ("foreign_envelope", "bad_line", "duplicate_envelope"):
        daemon.sandbox.fault("submit", flaw)
    job_id = daemon.unresolved(3, "reset_after")
    daemon.drain()
    assert daemon.job(job_id).state == "merged"
    daemon.assert_bought_once()


@pytest.mark.parametrize("first_part", [b"", gzip.compress(envelope("stray.example"))])
def test_a_first_part_that_tells_nothing_does_not_decide(daemon: Daemon, first_part: bytes) -> None:
    daemon.sandbox.set(part_lines=1)
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    daemon.replace_part(daemon.sent()[0]["batch_id"], lambda _: first_part)
    assert daemon.look(job_id) == "pending"


def test_what_could_be_read_decides_though_a_later_part_is_gone(daemon: Daemon) -> None:
    daemon.sandbox.set(part_lines=1)
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("download", "delay", seconds=0)  # the first one comes
    daemon.sandbox.fault("download", "status", status=404, times=None)
    assert daemon.look(job_id) == "pending"


def test_a_first_part_of_another_that_names_a_company_of_ours_does_not_decide(
    daemon: Daemon,
) -> None:
    daemon.sandbox.set(part_lines=1)
    job_id = daemon.unresolved(3, "reset_before")
    foreign(daemon, identifiers=[*domains(1), *domains(2, 9_000)])
    daemon.sandbox.advance(LONG)
    assert daemon.look(job_id, times=4) == "packed"


def test_jobs_of_other_kinds_and_sizes_are_not_looked_into(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    foreign(daemon, identifiers=domains(3), entity="person")
    foreign(daemon, identifiers=domains(3), action="search")
    foreign(daemon, identifiers=domains(4))
    daemon.sandbox.advance(LONG)
    assert daemon.look(job_id, times=4) == "packed"
    assert daemon.calls("download") == 0


def test_a_job_of_the_ledger_is_not_taken_for_another(daemon: Daemon) -> None:
    accepted = daemon.accepted(3)
    job_id = daemon.unresolved(3, "reset_before", first=100)
    assert daemon.look(job_id, times=4) == "packed"
    assert daemon.job(accepted).state == "pending"


# It was not accepted


@pytest.mark.parametrize("fault", ["reset_before", "status"])
def test_what_was_not_accepted_is_sent_again_after_enough_looks(daemon: Daemon, fault: str) -> None:
    job_id = daemon.unresolved(3, fault)
    assert daemon.look(job_id, times=3) == "submitting"
    daemon.hasten()
    assert resolve(daemon.context, job_id) == [Wake("submit", job_id)]
    job = daemon.job(job_id)
    assert (job.state, job.slot) == ("packed", None)
    assert job.why.startswith("resolved: the vendor does not have it (4 looks in ")
    assert daemon.held() == set()
    daemon.drain()
    daemon.assert_bought_once()
    assert daemon.job(job_id).attempts == 2


def test_it_is_not_sent_again_before_the_window_has_passed_however_often_it_is_looked_for(
    daemon: Daemon,
) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    for _ in range(8):
        daemon.hasten()
        resolve(daemon.context, job_id)
    assert daemon.job(job_id).looks == 8
    assert daemon.calls("submit") == 1
    assert daemon.look(job_id) == "packed"


def test_a_look_too_early_is_none(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    daemon.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    resolve(daemon.context, job_id)
    assert daemon.calls("list") == 0


def test_the_jobs_of_others_keep_it_waiting_until_they_have_ended(daemon: Daemon) -> None:
    foreign(daemon, seconds=30)
    foreign(daemon, seconds=90, identifiers=domains(3, 9_100))
    job_id = daemon.unresolved(3, "reset_before")
    for open_ones in (2, 1):
        assert daemon.look(job_id, times=5) == "submitting"
        why = f"unresolved: {open_ones} job(s) at the vendor may be this one: "
        assert daemon.job(job_id).why.startswith(why)
        daemon.sandbox.advance(LONG)
    assert daemon.look(job_id) == "packed"
    daemon.drain()
    daemon.assert_bought_once()


def test_results_of_another_identifier_type_are_not_ours(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    names = [f"Company {number:07}" for number in range(3)]
    foreign(daemon, identifier_type="names", identifiers=names)
    daemon.sandbox.advance(LONG)
    assert daemon.look(job_id, times=4) == "packed"


def test_looks_begin_anew_with_each_attempt(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before", times=2)
    assert daemon.look(job_id, times=4) == "packed"
    submit(daemon.context, job_id)
    assert daemon.look(job_id, times=3) == "submitting"
    assert daemon.look(job_id) == "packed"


# It ended without results


def test_what_the_vendor_failed_is_sent_again(daemon: Daemon) -> None:
    daemon.sandbox.fault("submit", "fail_job")
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    assert daemon.look(job_id, times=4) == "packed"
    daemon.drain()
    assert daemon.states() == {"fulfilled": 3}
    assert daemon.sandbox.record()["billed"]["records"] == 3


def test_what_found_nothing_cost_nothing_and_is_sent_again_once(daemon: Daemon) -> None:
    daemon.sandbox.fault("submit", "reset_after")
    daemon.enqueue(0, unknown=3)
    daemon.drain()
    assert daemon.states() == {"not_found": 3}
    assert daemon.calls("submit") == 2
    assert daemon.sandbox.record()["billed"]["records"] == 0


def test_two_that_look_at_once_are_one(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_before")
    daemon.hasten()
    with daemon.another().context.ledger.lock_job(job_id):
        resolve(daemon.context, job_id)
    assert daemon.calls("list") == 0


def test_what_is_adopted_is_polled_at_once(daemon: Daemon) -> None:
    job_id = daemon.unresolved(3, "reset_after")
    daemon.sandbox.advance(LONG)
    daemon.look(job_id)
    assert poll(daemon.context) == [Wake("merge", job_id), Wake("sweep")]
