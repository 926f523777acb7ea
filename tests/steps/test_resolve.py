"""Resolve: whether the vendor has a job whose answer was lost; the content decides."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from manager.steps.context import Wake
from manager.steps.poll import poll
from manager.steps.resolve import resolve
from manager.steps.submit import submit
from tests.steps.driver import LONG, Driver, domains
from tests.steps.results_file import envelope

pytestmark = pytest.mark.integration


def foreign(driver: Driver, seconds: float = 5, **arguments: Any) -> None:
    """A job of somebody else with the same key: of three unless it is told."""
    if not arguments:
        arguments = {"identifiers": domains(3, first=9_000)}
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
    driver.hasten()
    assert resolve(driver.context, job_id) == [Wake("poll")]
    job, [sent] = driver.job(job_id), driver.sent()
    assert (job.state, job.batch_id, job.slot) == ("pending", sent["batch_id"], 1)
    assert job.why.startswith(f"resolved: it is {sent['batch_id']}")
    driver.drain()
    driver.assert_bought_once()


def test_it_is_found_as_soon_as_the_list_shows_it(driver: Driver) -> None:
    driver.sandbox.set(list_lag_seconds=30)
    job_id = driver.unresolved(3, "status", status=504, after=True)
    window = driver.another(resolve_window=10_000)
    for _ in range(6):  # more than resolve_looks, but within the window
        window.hasten()
        resolve(window.context, job_id)
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
    driver.hasten()
    resolve(driver.context, job_id)
    assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]
    driver.drain()
    driver.assert_bought_once()


def test_another_that_shares_some_of_our_identifiers_is_not_ours(driver: Driver) -> None:
    job_id = driver.unresolved(5, "reset_after")
    foreign(driver, identifiers=[*domains(2), *domains(3, 9_000)])
    driver.sandbox.advance(LONG)
    driver.hasten()
    resolve(driver.context, job_id)
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
    assert driver.look(job_id) == "pending"


def test_what_could_be_read_decides_though_a_later_part_is_gone(driver: Driver) -> None:
    driver.sandbox.set(part_lines=1)
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.sandbox.fault("download", "delay", seconds=0)  # the first one comes
    driver.sandbox.fault("download", "status", status=404, times=None)
    assert driver.look(job_id) == "pending"


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
    driver.hasten()
    assert resolve(driver.context, job_id) == [Wake("submit", job_id)]
    job = driver.job(job_id)
    assert (job.state, job.slot) == ("packed", None)
    assert job.why.startswith("resolved: the vendor does not have it (4 looks in ")
    assert driver.held() == set()
    driver.drain()
    driver.assert_bought_once()
    assert driver.job(job_id).attempts == 2


def test_it_is_not_sent_again_before_the_window_has_passed_however_often_it_is_looked_for(
    driver: Driver,
) -> None:
    job_id = driver.unresolved(3, "reset_before")
    for _ in range(8):
        driver.hasten()
        resolve(driver.context, job_id)
    assert driver.job(job_id).looks == 8
    assert driver.calls("submit") == 1
    assert driver.look(job_id) == "packed"


def test_a_look_too_early_is_none(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    resolve(driver.context, job_id)
    assert driver.calls("list") == 0


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
    submit(driver.context, job_id)
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


def test_two_that_look_at_once_are_one(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_before")
    driver.hasten()
    with driver.another().context.ledger.lock_job(job_id):
        resolve(driver.context, job_id)
    assert driver.calls("list") == 0


def test_what_is_adopted_is_polled_at_once(driver: Driver) -> None:
    job_id = driver.unresolved(3, "reset_after")
    driver.sandbox.advance(LONG)
    driver.look(job_id)
    assert poll(driver.context) == [Wake("merge", job_id), Wake("sweep")]
