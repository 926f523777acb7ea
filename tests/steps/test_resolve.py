"""Resolve: whether the vendor has a job whose answer was lost; the content decides."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from manager.faultpoint import FaultPointError
from manager.steps.resolve import resolve
from tests.steps.driver import LONG, Driver, armed, domains
from tests.steps.results_file import envelope

pytestmark = pytest.mark.integration


def foreign(driver: Driver, seconds: float = 5, **arguments: Any) -> None:
    """A job of somebody else with the same key: of three unless it is told."""
    if not arguments:
        arguments = {"identifiers": domains(3, first=9_000)}
    driver.clock.pass_by(0)
    driver.sandbox.foreign(seconds=seconds, **arguments)


# It was accepted


def test_what_was_accepted_is_adopted_when_its_results_name_our_identifiers(
    driver: Driver,
) -> None:
    job_id = driver.unresolved(3, "reset_after")
    assert driver.look(job_id, times=5) == "submitting"
    why = f"unresolved: 1 job(s) at the vendor may be this one: {driver.sent()[0]['batch_id']}"
    assert driver.job(job_id).why == f"{why} (pending)"
    assert driver.held() == {job_id}, "what may be ours holds a slot"
    driver.sandbox.advance(LONG)
    assert driver.wake("resolve", job_id) in driver.look_now(), "its end makes it due"
    wakes = resolve(driver.context, driver.account, job_id)
    assert wakes == [driver.wake("merge", job_id), driver.wake("sweep")]
    job, [sent] = driver.job(job_id), driver.sent()
    assert (job.state, job.batch_id, job.slot) == ("completed", sent["batch_id"], None)
    assert driver.held() == set()
    moves = "SELECT why FROM job_event WHERE job_id = %(id)s AND to_state = 'pending'"
    assert driver.value(moves, id=job_id).startswith(f"resolved: it is {sent['batch_id']}; its res")
    driver.drain()
    driver.assert_bought_once()


def test_it_is_found_as_soon_as_the_list_shows_it(driver: Driver) -> None:
    driver.sandbox.set(list_lag_seconds=30)
    job_id = driver.unresolved(3, "status", status=504, after=True)
    window = driver.another(resolve_window=10_000)
    for _ in range(6):  # more than resolve_looks, but within the window
        window.look_now()
        window.resolve(job_id)
    assert driver.job(job_id).why == "unresolved: not on the vendor's list yet"
    assert driver.job(job_id).state == "submitting"
    driver.sandbox.advance(LONG)
    driver.drain()
    driver.assert_bought_once()


@pytest.mark.parametrize("theirs", ["active", "completed", "both"])
def test_it_is_told_from_the_jobs_of_others_by_its_content(driver: Driver, theirs: str) -> None:
    foreign(driver, seconds=1 if theirs == "completed" else 100_000)
    job_id = driver.unresolved(3, "reset_after")
    foreign(driver, seconds=100_000 if theirs == "active" else 1, identifiers=domains(3, 9_100))
    driver.sandbox.advance(LONG)
    driver.look(job_id)
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]
    driver.drain()
    driver.assert_bought_once()


def test_another_that_shares_some_of_our_identifiers_is_not_ours(driver: Driver) -> None:
    job_id = driver.unresolved(5, "reset_after")
    foreign(driver, identifiers=[*domains(2), *domains(3, 9_000)])
    driver.sandbox.advance(LONG)
    driver.look(job_id)
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]


def test_strange_lines_in_our_own_results_do_not_disown_it(driver: Driver) -> None:
    for flaw in ("foreign_envelope", "bad_line", "duplicate_envelope"):
        driver.sandbox.fault("submit", flaw)
    job_id = driver.unresolved(3, "reset_after")
    driver.drain()
    assert driver.job(job_id).state == "merged"
    driver.assert_bought_once()


@pytest.mark.parametrize("first_part", [b"", gzip.compress(envelope("stray.example"))])
def test_a_first_part_that_tells_nothing_does_not_decide(driver: Driver, first_part: bytes) -> None:
    driver.sandbox.set(part_lines=1)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.replace_part(driver.sent()[0]["batch_id"], lambda _: first_part)
    assert driver.look(job_id) == "completed"


def test_what_could_be_read_decides_though_a_later_part_is_gone(driver: Driver) -> None:
    driver.sandbox.set(part_lines=1)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "delay", seconds=0)  # the first one comes
    driver.sandbox.fault("download", "status", status=404, times=None)
    assert driver.look(job_id) == "completed"


def test_a_first_part_of_another_that_names_a_company_of_ours_does_not_decide(
    driver: Driver,
) -> None:
    driver.sandbox.set(part_lines=1)
    job_id = driver.unresolved(3, "reset_before")
    foreign(driver, identifiers=[*domains(1), *domains(2, 9_000)])
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"


def test_jobs_of_other_kinds_and_sizes_are_not_looked_into(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    foreign(driver, identifiers=domains(3), entity="person")
    foreign(driver, identifiers=domains(3), action="search")
    foreign(driver, identifiers=domains(4))
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    assert driver.calls("download") == 0


def test_a_job_of_the_ledger_is_not_taken_for_another(driver: Driver) -> None:
    accepted = driver.accepted(3)
    job_id = driver.unresolved(3, "reset_before", first=100)
    assert driver.look(job_id, times=4) == "packed"
    assert driver.job(accepted).state == "pending"


# It was not accepted


@pytest.mark.parametrize("fault", ["reset_before", "status"])
def test_what_was_not_accepted_is_sent_again_after_enough_looks(driver: Driver, fault: str) -> None:
    job_id = driver.unresolved(3, fault)
    assert driver.look(job_id, times=3) == "submitting"
    driver.look_now()
    assert driver.resolve(job_id) == [driver.wake("submit", job_id)]
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("packed", None)
    assert job.why.startswith("resolved: the vendor does not have it (4 looks in ")
    assert driver.held() == set()
    driver.drain()
    driver.assert_bought_once()
    assert driver.job(job_id).attempts == 2


@pytest.mark.parametrize("ahead", [-200, 200])
def test_what_appeared_since_the_call_is_judged_although_by_its_time_it_cannot_be(
    driver: Driver, ahead: float
) -> None:
    driver.clock.ahead = ahead
    driver.sandbox.set(job_seconds=[1_000, 1_000])
    job_id = driver.unresolved(3, "reset_after")
    driver.clock.ahead = 0
    driver.clock.pass_by(0)
    driver.look_now()
    assert driver.look(job_id, times=5) == "submitting", "it may be the one that is at work"
    driver.sandbox.advance(1_000)
    assert driver.look(job_id, times=2) == "completed"
    driver.drain()
    driver.assert_bought_once()


def test_it_is_not_sent_again_before_the_window_has_passed_however_often_it_is_looked_for(
    driver: Driver,
) -> None:
    job_id = driver.unresolved(3, "reset_before")
    for _ in range(8):
        driver.look_now()
        driver.resolve(job_id)
    assert driver.job(job_id).looks == 8
    assert driver.calls("submit") == 1
    assert driver.look(job_id) == "packed"


def test_what_is_not_due_is_left_alone(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.look(job_id, times=3)
    driver.look_now()
    driver.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert resolve(driver.context, driver.account, job_id) == []
    assert driver.job(job_id).state == "submitting"


def test_the_jobs_of_others_keep_it_waiting_until_they_have_ended(driver: Driver) -> None:
    foreign(driver, seconds=30)
    foreign(driver, seconds=90, identifiers=domains(3, 9_100))
    job_id = driver.unresolved(3, "reset_before")
    for open_ones in (2, 1):
        assert driver.look(job_id, times=5) == "submitting"
        why = f"unresolved: {open_ones} job(s) at the vendor may be this one: "
        assert driver.job(job_id).why.startswith(why)
        driver.sandbox.advance(LONG)
    assert driver.look(job_id) == "packed"
    driver.drain()
    driver.assert_bought_once()


def test_results_of_another_identifier_type_are_not_ours(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    names = [f"Company {number:07}" for number in range(3)]
    foreign(driver, identifier_type="names", identifiers=names)
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"


def test_looks_begin_anew_with_each_attempt(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before", times=2)
    assert driver.look(job_id, times=4) == "packed"
    driver.submit(job_id)
    assert driver.look(job_id, times=3) == "submitting"
    assert driver.look(job_id) == "packed"


# It ended without results


def test_what_the_vendor_failed_is_sent_again(driver: Driver) -> None:
    driver.sandbox.fault("submit", "fail_job")
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    assert driver.look(job_id, times=4) == "packed"
    driver.drain()
    assert driver.states() == {"fulfilled": 3}
    assert driver.sandbox.record()["billed"]["records"] == 3


def test_what_found_nothing_cost_nothing_and_is_sent_again_once(driver: Driver) -> None:
    driver.sandbox.fault("submit", "reset_after")
    driver.enqueue(0, unknown=3)
    driver.drain()
    assert driver.states() == {"not_found": 3}
    assert driver.calls("submit") == 2
    assert driver.sandbox.record()["billed"]["records"] == 0


def test_two_that_resolve_at_once_are_one(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.look_now()
    with driver.another().context.ledger.lock_job(job_id):
        assert driver.resolve(job_id) == []
    assert driver.calls("status") == 0


def test_a_submission_whose_worker_died_is_resolved_too(driver: Driver) -> None:
    """Nobody has written down how its call ended."""
    job_id = driver.packed(3)
    with pytest.raises(FaultPointError), armed("before attempt.accept"):
        driver.submit(job_id)
    assert driver.job(job_id).unresolved_at is None
    driver.hasten(seconds=LONG)
    driver.sandbox.advance(LONG)
    driver.drain()
    driver.assert_bought_once()


def test_several_that_are_unresolved_find_each_its_own(driver: Driver) -> None:
    jobs = [driver.unresolved(size, "reset_after", first=100 * size) for size in (2, 3, 4)]
    lost = driver.unresolved(5, "reset_before", first=500)
    driver.sandbox.advance(LONG)
    driver.look_now()
    for job_id in jobs:
        driver.resolve(job_id)
    sizes = {job["batch_id"]: job["identifier_count"] for job in driver.sent()}
    assert [sizes[driver.job(job_id).batch_id] for job_id in jobs] == [2, 3, 4]
    assert driver.look(lost, times=4) == "packed"
    driver.drain()
    assert driver.states() == {"fulfilled": 14}
    assert driver.sandbox.record()["billed"]["records"] == 14


def test_two_that_want_the_same_companies_each_find_their_own(driver: Driver) -> None:
    """In lanes of other fields, of other sizes: the results of the one name the other's, too."""
    driver.completed(1, first=900)
    driver.manager.enqueue("domains", domains(6), fields=["headcount.total"])
    driver.manager.enqueue("domains", domains(5))
    jobs = [wake.job_id for wake in driver.pack() if wake.job_id]
    driver.sandbox.fault("submit", "reset_after", times=2)
    for job_id in jobs:
        driver.submit(job_id)
    driver.sandbox.advance(20)
    for job_id in reversed(jobs):
        driver.look(job_id, times=2)
    sizes = {job["batch_id"]: job["identifier_count"] for job in driver.sent()}
    for job_id in jobs:
        job = driver.job(job_id)
        assert sizes[job.batch_id] == job.identifier_count
    driver.drain()
    assert driver.sandbox.record()["duplicates"]["count"] == 0
