"""Retry: what has failed is bought anew for whoever wanted it, once, and is counted truly."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from manager import Outcome, UnavailableError, WaitTimeoutError
from tests.operator.actions.acting import (
    act,
    assert_true,
    failed,
    fulfilled,
    look,
    outcomes,
)
from tests.steps.driver import Driver, domains

pytestmark = pytest.mark.integration


def test_a_request_is_open_again_until_what_had_failed_has_its_new_outcome(driver: Driver) -> None:
    request = failed(driver, 3)
    done = act(driver, "request.retry", {"id": str(request.id)})
    assert (done.count, done.counts["records"], done.counts["requests"]) == (1, 3, 1)
    now = request.progress()
    assert (now.failed, now.waiting, now.finished) == (0, 3, False)
    assert outcomes(request) == [None] * 3
    assert_true(driver)
    with pytest.raises(WaitTimeoutError):
        request.wait(0.01)
    driver.drain()
    assert request.wait(1).fulfilled == 3
    assert outcomes(request) == ["fulfilled"] * 3
    assert_true(driver)


def test_to_retry_twice_is_to_retry_once(driver: Driver) -> None:
    failed(driver, 3)
    assert act(driver, "request.retry").count == 1
    assert act(driver, "request.retry").count == 0
    assert act(driver, "enrichment.retry").count == 0
    driver.drain()
    assert len(driver.sent()) == 2  # the one that was given up, and the new one
    assert act(driver, "request.retry").count == 0


def test_what_was_found_stays_as_it_is(driver: Driver) -> None:
    fulfilled(driver, 2)
    failed(driver, 3, first=2)
    mixed = driver.enqueue(2)  # two hits
    assert look(driver, "request.retry").identifiers == 3
    act(driver, "request.retry")
    assert mixed.progress().fulfilled == 2
    assert driver.states() == {"fulfilled": 2, "pending": 3}


def test_of_a_job_every_request_that_wants_it_still_is_open_again(driver: Driver) -> None:
    driver.sandbox.fault("submit", "never_ends")
    one, other, gone = driver.enqueue(3), driver.enqueue(2), driver.enqueue(1)
    job_id = driver.accepted()
    gone.cancel()
    driver.give_up(job_id)
    shown = look(driver, "job.retry", {"id": str(job_id)})
    assert (shown.count, shown.identifiers, shown.records) == (1, 5, 3)
    act(driver, "job.retry", {"id": str(job_id)})
    assert not one.progress().finished
    assert not other.progress().finished
    assert gone.progress().cancelled == 1
    driver.drain()
    assert [one.progress().fulfilled, other.progress().fulfilled] == [3, 2]
    assert_true(driver)


def test_of_enrichments_by_their_reason(driver: Driver) -> None:
    request = failed(driver, 3)
    assert look(driver, "enrichment.retry", {"reason": "no such reason"}).count == 0
    assert look(driver, "enrichment.retry", {"reason": "given up"}).count == 3
    [name, *_] = domains(1)
    assert act(driver, "enrichment.retry", {"identifier": name}).count == 1
    driver.drain()
    assert sorted(map(str, outcomes(request))) == ["failed", "failed", "fulfilled"]
    assert_true(driver)


def test_what_another_request_has_bought_since_is_taken_at_once(driver: Driver) -> None:
    request = failed(driver, 3)
    driver.enqueue(2)
    driver.drain()
    shown = look(driver, "request.retry", {"id": str(request.id)})
    assert (shown.identifiers, shown.records) == (3, 1)
    act(driver, "request.retry", {"id": str(request.id)})
    assert (request.progress().fulfilled, request.progress().waiting) == (2, 1)
    driver.drain()
    assert request.progress().fulfilled == 3
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_when_all_was_bought_since_the_request_stays_finished(driver: Driver) -> None:
    request = failed(driver, 3)
    fulfilled(driver, 3)
    act(driver, "request.retry", {"id": str(request.id)})
    assert request.progress().finished
    assert request.progress().fulfilled == 3
    assert_true(driver)


def test_what_waits_for_another_request_is_joined(driver: Driver) -> None:
    request = failed(driver, 3)
    driver.enqueue(3)
    driver.packed()
    assert look(driver, "request.retry", {"id": str(request.id)}).records == 0
    act(driver, "request.retry", {"id": str(request.id)})
    driver.drain()
    assert request.progress().fulfilled == 3
    assert len(driver.sent()) == 2


def test_what_its_caller_has_cancelled_stays_so(driver: Driver) -> None:
    driver.sandbox.fault("submit", "never_ends")
    request = driver.enqueue(2)
    job_id = driver.accepted()
    driver.enqueue(2)
    request.cancel()
    driver.give_up(job_id)
    act(driver, "request.retry")
    assert request.progress().cancelled == 2
    assert_true(driver)


def test_late_results_of_the_given_up_job_do_not_disturb_the_new_purchase(driver: Driver) -> None:
    request = failed(driver, 3)
    [late] = driver.sent()
    act(driver, "request.retry")
    driver.sandbox.end(late["batch_id"])
    driver.drain()
    assert outcomes(request) == ["fulfilled"] * 3
    assert_true(driver)


def test_what_was_forgotten_is_not_bought_again(driver: Driver) -> None:
    request = failed(driver, 2)
    [name, *_] = domains(1)
    act(driver, "enrichment.forget", {}, identifiers=[name])
    assert act(driver, "request.retry").counts["records"] == 1
    driver.drain()
    assert sorted(map(str, outcomes(request))) == ["failed", "fulfilled"]


def test_a_retry_beside_a_caller_that_holds_some_of_it_does_nothing(driver: Driver) -> None:
    failed(driver, 2)
    impatient = driver.another(merge_lock_timeout=0.2)
    driver.execute("BEGIN")
    driver.execute("SELECT FROM enrichment FOR UPDATE")
    told = r"hold some of it\. It is held by pid \d+.*, idle in transaction"
    try:
        with pytest.raises(UnavailableError, match=told):
            act(impatient, "request.retry")
    finally:
        driver.execute("ROLLBACK")
    assert driver.states() == {"failed": 2}
    assert driver.value("SELECT count(*) FROM operator_action") == 0
    assert act(impatient, "request.retry").count == 1


def test_retries_enqueues_and_merges_at_once_lose_nothing(driver: Driver) -> None:
    failed(driver, 40)
    driver.enqueue(40, first=20)
    troubles: list[BaseException] = []

    def run(*actions: str) -> None:
        try:
            other = driver.another()
            for action in actions:
                act(other, action)
                other.enqueue(60, max_age=timedelta(0))
        except BaseException as error:
            troubles.append(error)

    threads = [
        threading.Thread(target=run, args=names)
        for names in (("request.retry", "job.retry"), ("job.retry", "enrichment.retry"))
    ]
    for thread in threads:
        thread.start()
    driver.drain()
    for thread in threads:
        thread.join()
    driver.drain()
    assert troubles == []
    assert_true(driver)
    assert set(driver.states()) == {str(Outcome.FULFILLED)}


def test_a_retry_takes_back_nothing_of_what_was_settled_before(driver: Driver) -> None:
    failed(driver, 3)
    settled = "SELECT sum(amount)::int FROM day_counter WHERE name = %(name)s"
    act(driver, "request.retry")
    assert driver.value(settled, name="settled") == 3
    driver.drain()
    assert driver.value(settled, name="settled") == 6
    least = "SELECT min(sum)::int FROM (SELECT sum(amount) FROM day_counter GROUP BY name) by_name"
    assert driver.value(least) >= 0


def test_who_is_told_of_a_request_is_told_again_what_came_of_the_retry(driver: Driver) -> None:
    request = failed(driver, 4, notify="pg:app")
    act(driver, "request.retry")
    driver.drain()
    told = driver.rows(
        "SELECT event, (payload ->> 'fulfilled')::int AS fulfilled, "
        "(payload ->> 'failed')::int AS failed, "
        "(payload ->> 'finished_at')::timestamptz AS finished_at FROM notice ORDER BY position"
    )
    assert [tuple(it)[:3] for it in told] == [
        ("request.finished", 0, 4),
        ("request.finished", 4, 0),
    ]
    assert told[1][3] > told[0][3]
    assert request.progress().finished


def test_a_retry_that_is_settled_at_once_is_told_again_too(driver: Driver) -> None:
    failed(driver, 2, notify="pg:app")
    driver.enqueue(2)
    driver.drain()
    act(driver, "request.retry")
    told = driver.rows("SELECT event, (payload ->> 'fulfilled')::int FROM notice ORDER BY position")
    assert [tuple(it) for it in told] == [("request.finished", 0), ("request.finished", 2)]
