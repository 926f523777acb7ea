"""Jobs that end otherwise, or never: any word, a warning, an operator who gives one up."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from manager.errors import ConflictError, NotFoundError, UnavailableError
from manager.operator.status import status
from tests.steps.driver import LONG, MISCOUNTED, Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def endless(driver: Driver) -> UUID:
    """A job of four that stays `processing`."""
    driver.sandbox.fault("submit", "never_ends")
    job_id = driver.accepted(4)
    driver.sandbox.advance(LONG)
    driver.look_now()
    assert driver.job(job_id).state == "processing"
    return job_id


def deliver(driver: Driver, job_id: UUID) -> None:
    """The vendor ends the job after all, and a look sees it."""
    driver.sandbox.end(driver.job(job_id).batch_id)
    driver.hasten()
    driver.run(*driver.sweep())
    driver.hasten()
    driver.run(*driver.sweep())


def outcomes(driver: Driver) -> dict[str, int]:
    """How many results have which outcome; the requests' counters say the same."""
    assert driver.rows(MISCOUNTED) == []
    return dict(driver.rows("SELECT outcome, count(*)::int FROM result GROUP BY outcome"))


# Any word for an end


@pytest.mark.parametrize("word", ["cancelled", "EXPIRED", "Timed-Out", "partial", "no such word"])
def test_whatever_a_job_ends_as_its_slot_is_free_and_its_results_are_read(
    driver: Driver, word: str
) -> None:
    driver.sandbox.fault("submit", "ends_as", word=word)
    request = driver.enqueue(4)
    driver.run(*driver.pack())
    driver.sandbox.advance(LONG)
    driver.look_now()
    assert driver.held() == set()
    assert driver.value("SELECT state FROM job") == "stopped"
    driver.drain()
    assert request.progress().fulfilled == 4
    assert len(driver.sent()) == 1


@pytest.mark.parametrize("word", ["Succeeded", "DONE", "complete"])
def test_other_words_for_completed_are_no_less(driver: Driver, word: str) -> None:
    driver.sandbox.fault("submit", "ends_as", word=word)
    job_id = driver.completed(2, unknown=1)
    driver.run(driver.wake("merge", job_id))
    assert outcomes(driver) == {"fulfilled": 2, "not_found": 1}


def test_what_was_not_delivered_is_bought_again(driver: Driver) -> None:
    driver.sandbox.fault("submit", "ends_as", word="cancelled", delivered_share=0.5)
    request = driver.enqueue(4)
    driver.drain()
    assert request.progress().fulfilled == 4
    assert [job["identifier_count"] for job in driver.sent()] == [4, 2]
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_without_links_all_is_bought_again_as_far_as_it_may_be(driver: Driver) -> None:
    driver.sandbox.fault("submit", "ends_as", word="expired", links=False, times=3)
    request = driver.enqueue(2)
    driver.drain()
    assert request.progress().failed == 2
    assert driver.calls("submit") == 3
    [reason] = {result.reason for result in request.results()}
    assert reason == "the vendor ended the job as expired: no reason given"


def test_an_unknown_word_without_a_sign_of_an_end_is_no_end(driver: Driver) -> None:
    driver.sandbox.fault("submit", "ends_as", word="resting", completed_at=False, links=False)
    job_id = driver.accepted(2)
    driver.sandbox.advance(LONG)
    driver.look_now()
    job = driver.job(job_id)
    assert (job.state, job.vendor_status) == ("processing", "resting")
    assert driver.held() == {job_id}


# One that does not end


def test_it_is_a_warning_once_it_is_far_beyond_what_those_like_it_took(
    driver: Driver, endless: UUID
) -> None:
    driver.sweep()
    assert status(driver.context).warnings == []
    driver.age(endless, 2 * 3600)
    found = status(driver.context)
    [warning] = found.warnings
    assert (warning.code, warning.account) == ("job-overdue", driver.account.name)
    assert str(endless) in warning.text
    assert f"`enrichd jobs give-up {endless}` frees its slot" in warning.way_out
    assert found.ok


def test_it_is_not_overdue_for_all_that_is_known_while_the_vendor_is_not_asked(
    driver: Driver, endless: UUID
) -> None:
    driver.sweep()
    driver.age(endless, 2 * 3600)
    driver.execute("UPDATE account SET looked_at = now() - interval '2 hours'")
    assert "job-overdue" not in {it.code for it in status(driver.context).warnings}


def test_what_takes_long_is_not_overdue_where_that_is_usual(driver: Driver, endless: UUID) -> None:
    driver.completed(5, first=100)
    driver.sweep()
    driver.execute(
        "UPDATE job SET accepted_at = accepted_at - interval '2 hours' WHERE state = 'completed'"
    )
    driver.age(endless, 3 * 3600)
    assert status(driver.context).warnings == []
    driver.age(endless, 4 * 3600)
    assert len(status(driver.context).warnings) == 1


def test_when_they_hold_every_slot_and_work_waits_it_is_a_problem(
    driver: Driver, endless: UUID
) -> None:
    driver = driver.another(cap=1)
    driver.sweep()
    driver.age(endless, 2 * 3600)
    driver.packed(2, first=100)
    found = status(driver.context)
    assert not found.ok
    assert [it.code for it in found.problems] == ["job-overdue"]


# Given up


def test_giving_it_up_frees_its_slot_and_fails_what_is_in_it(driver: Driver, endless: UUID) -> None:
    driver.give_up(endless)
    job = driver.job(endless)
    assert (job.state, job.slot) == ("failed", None)
    assert job.why.startswith("given up by an operator; what the vendor delivers later is merged")
    assert driver.held() == set()
    assert outcomes(driver) == {"failed": 4}
    assert driver.job(driver.accepted(4, first=100)).slot == 1


def test_what_it_delivers_later_is_merged(driver: Driver, endless: UUID) -> None:
    driver.give_up(endless)
    driver.look_now()
    assert outcomes(driver) == {"failed": 4}, "it is at work still"
    deliver(driver, endless)
    job = driver.job(endless)
    assert (job.state, job.error) == ("merged", None)
    assert outcomes(driver) == {"fulfilled": 4}
    assert driver.states() == {"fulfilled": 4}
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_looks_go_on_as_long_as_it_may_deliver(driver: Driver, endless: UUID) -> None:
    driver.give_up(endless)
    wakes = driver.look_now()
    assert wakes[-1].delay <= 5 * driver.context.settings.look_max
    deliver(driver, endless)
    assert driver.look_now()[-1].delay > 1_000


def test_a_late_delivery_is_never_merged_over_a_newer_cycle(driver: Driver, endless: UUID) -> None:
    driver.give_up(endless)
    request = driver.enqueue(2)  # what has failed is bought anew
    newer = driver.completed()
    driver.merge(newer)
    [fetched] = set(driver.rows("SELECT max(fetched_at) FROM result WHERE cycle = 2"))
    deliver(driver, endless)
    assert set(driver.rows("SELECT max(fetched_at) FROM result WHERE cycle = 2")) == {fetched}
    assert driver.rows("SELECT DISTINCT cycle, state FROM enrichment ORDER BY cycle") == [
        (1, "fulfilled"),
        (2, "fulfilled"),
    ]
    assert outcomes(driver) == {"fulfilled": 6}
    assert request.progress().fulfilled == 2


def test_a_late_delivery_does_not_touch_what_waits_to_be_bought_anew(
    driver: Driver, endless: UUID
) -> None:
    driver.give_up(endless)
    driver.enqueue(2)
    deliver(driver, endless)
    states = "SELECT cycle, state, count(*)::int FROM enrichment GROUP BY 1, 2 ORDER BY 1"
    assert driver.rows(states) == [(1, "fulfilled", 2), (2, "packed", 2)] or driver.rows(
        states
    ) == [(1, "fulfilled", 2), (2, "pending", 2)]
    driver.drain()
    assert driver.states() == {"fulfilled": 4}


def test_what_a_late_delivery_does_not_have_stays_failed_when_the_vendor_stopped_it(
    driver: Driver,
) -> None:
    """It was not looked for, rather than not found."""
    driver.sandbox.fault("submit", "never_ends")
    driver.sandbox.fault("submit", "ends_as", word="cancelled", delivered_share=0.5)
    job_id = driver.accepted(4)
    driver.give_up(job_id)
    deliver(driver, job_id)
    assert outcomes(driver) == {"fulfilled": 2, "failed": 2}


def test_a_late_delivery_that_was_spoilt_on_its_way_is_fetched_again(
    driver: Driver, endless: UUID
) -> None:
    driver.give_up(endless)
    driver.sandbox.fault("download", "truncate")
    deliver(driver, endless)
    driver.hasten()
    driver.run(*driver.sweep())
    assert outcomes(driver) == {"fulfilled": 4}


def test_twice_is_a_conflict(driver: Driver, endless: UUID) -> None:
    driver.give_up(endless)
    with pytest.raises(ConflictError, match=f"Job {endless} is failed: there is nothing to give"):
        driver.give_up(endless)


def test_what_the_vendor_never_accepted_cannot_be_given_up(driver: Driver) -> None:
    job_id = driver.packed(2)
    with pytest.raises(ConflictError, match=f"The vendor never accepted job {job_id}"):
        driver.give_up(job_id)
    with pytest.raises(NotFoundError, match="There is no job"):
        driver.give_up(uuid4())


def test_what_is_being_worked_on_cannot_be_given_up(driver: Driver, endless: UUID) -> None:
    with (
        driver.another().context.ledger.lock_job(endless),
        pytest.raises(ConflictError, match="is being worked on"),
    ):
        driver.give_up(endless)


def test_a_callers_open_transaction_is_no_reason_to_hang(driver: Driver, endless: UUID) -> None:
    impatient = driver.another(merge_lock_timeout=0.1)
    with impatient.context.ledger.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM enrichment FOR UPDATE")
        with pytest.raises(UnavailableError, match="holds some of its enrichments"):
            impatient.give_up(endless)
    assert driver.job(endless).state == "processing"
    assert driver.held() == {endless}
