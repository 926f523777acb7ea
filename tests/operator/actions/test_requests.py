"""Requests: cancelled, reprioritised and removed, one or all that a filter chooses."""

from __future__ import annotations

import pytest

from manager import InvalidRequestError, NotFoundError
from tests.operator.actions.acting import act, assert_true, failed, fulfilled, look, outcomes
from tests.steps.driver import Driver
from tests.steps.years import pass_by

pytestmark = pytest.mark.integration


def ranks(driver: Driver) -> dict[str, int]:
    """How many seconds each that waits is ahead of its due time."""
    sql = "SELECT identifier, round(extract(epoch FROM due_at - rank))::int FROM enrichment"
    return dict(driver.rows(sql))


# Cancel


def test_all_that_a_filter_chooses_is_cancelled_at_once(driver: Driver) -> None:
    one = driver.enqueue(3, metadata={"batch": 7})
    other = driver.enqueue(3, first=2, metadata={"batch": 8})
    third = driver.enqueue(2, first=9, metadata={"batch": 7})
    shown = look(driver, "request.cancel", {"metadata.batch": "7"})
    assert (shown.count, shown.identifiers) == (2, 5)
    done = act(driver, "request.cancel", {"metadata.batch": "7"})
    assert (done.count, done.counts["enrichments"]) == (2, 4)
    assert one.wait(0).cancelled == 3
    assert third.wait(0).cancelled == 2
    driver.drain()
    assert other.progress().fulfilled == 3
    assert_true(driver)


def test_what_has_an_outcome_keeps_it(driver: Driver) -> None:
    fulfilled(driver, 2)
    request = driver.enqueue(4)
    act(driver, "request.cancel", {"open": "1"})
    assert sorted(map(str, outcomes(request))) == ["cancelled"] * 2 + ["fulfilled"] * 2
    assert act(driver, "request.cancel").count == 0
    assert_true(driver)


def test_what_is_in_a_job_is_bought_for_nobody(driver: Driver) -> None:
    request = driver.enqueue(3)
    driver.accepted()
    act(driver, "request.cancel")
    assert request.progress().cancelled == 3
    driver.drain()
    assert request.progress().cancelled == 3
    assert driver.states() == {"fulfilled": 3}
    assert_true(driver)


# Reprioritise


def test_what_waits_gets_the_priority_of_its_requests(driver: Driver) -> None:
    request = driver.enqueue(2)
    act(driver, "request.reprioritise", {}, priority=10)
    step = driver.context.settings.priority_step
    assert set(ranks(driver).values()) == {round(10 * step)}
    assert request.progress().priority == 10
    assert act(driver, "request.reprioritise", {}, priority=10).count == 0


def test_never_below_what_another_open_request_wants(driver: Driver) -> None:
    one = driver.enqueue(2, priority=20)
    driver.enqueue(1, priority=10)
    done_with = driver.enqueue(2, priority=100)
    done_with.cancel()
    act(driver, "request.reprioritise", {"id": str(one.id)}, priority=-5)
    step = driver.context.settings.priority_step
    assert sorted(ranks(driver).values()) == [round(-5 * step), round(10 * step)]


def test_what_returns_from_a_job_has_the_new_priority(driver: Driver) -> None:
    driver.enqueue(2)
    driver.packed()
    act(driver, "request.reprioritise", {}, priority=50)
    act(driver, "job.cancel")
    assert driver.rows("SELECT DISTINCT priority FROM enrichment") == [(50,)]


@pytest.mark.parametrize("priority", ["101", "-101", "much", ""])
def test_a_priority_that_is_none_is_refused(driver: Driver, priority: str) -> None:
    driver.enqueue(1)
    with pytest.raises(InvalidRequestError, match="priority"):
        act(driver, "request.reprioritise", {}, priority=priority)


# Prune


def test_old_requests_go_with_their_items_and_what_was_bought_stays(driver: Driver) -> None:
    old = fulfilled(driver, 3)
    pass_by(driver, days=100)
    new = fulfilled(driver, 2, first=10)
    waiting = driver.enqueue(1, first=20)
    assert look(driver, "request.prune", {}, older_than="90d").count == 1
    done = act(driver, "request.prune", {}, older_than="90d")
    assert (done.count, done.counts["items"]) == (1, 3)
    with pytest.raises(NotFoundError):
        old.progress()
    assert new.progress().fulfilled == 2
    assert driver.value("SELECT count(*) FROM result") == 5
    act(driver, "request.prune")
    assert not waiting.progress().finished
    assert_true(driver)


def test_a_request_that_was_opened_again_is_not_removed(driver: Driver) -> None:
    request = failed(driver, 1)
    act(driver, "request.retry")
    assert act(driver, "request.prune").count == 0
    driver.drain()
    assert request.progress().fulfilled == 1
