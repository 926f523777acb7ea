"""Lanes: while one is paused nothing of it is packed or submitted; the others go on."""

from __future__ import annotations

import pytest

from manager.testing.unsettled import UnsettledError
from tests.operator.actions.acting import act, assert_true, look
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


def lane_of(driver: Driver, fields: str = "{}") -> str:
    return str(driver.value("SELECT id FROM lane WHERE fields = %(fields)s", fields=fields))


def test_nothing_of_a_paused_lane_is_packed_and_the_others_go_on(driver: Driver) -> None:
    held = driver.enqueue(3)
    other = driver.enqueue(2, fields=["headcount.total"])
    assert act(driver, "lane.pause", {"id": lane_of(driver)}, reason="a wrong field").count == 1
    with pytest.raises(UnsettledError, match="is paused on account test: a wrong field"):
        driver.drain()
    assert other.progress().fulfilled == 2
    assert held.progress().waiting == 3
    act(driver, "lane.resume")
    driver.drain()
    assert held.progress().fulfilled == 3


def test_packed_jobs_of_a_paused_lane_are_not_submitted_and_say_so(driver: Driver) -> None:
    job_id = driver.packed(3)
    act(driver, "lane.pause", {}, reason="a wrong field")
    assert driver.job(job_id).waits_for == "its lane, which is paused: a wrong field"
    driver.step()
    driver.submit(job_id)
    assert driver.job(job_id).state == "packed"
    assert driver.sent() == []
    act(driver, "lane.resume")
    assert driver.job(job_id).waits_for is None
    driver.drain()
    driver.assert_bought_once(3)


def test_they_take_no_room_from_other_lanes(driver: Driver) -> None:
    small = driver.another(job_size=1)
    small.enqueue(20)
    small.pack()
    act(driver, "lane.pause", {"id": lane_of(driver)})
    other = driver.enqueue(2, fields=["headcount.total"])
    with pytest.raises(UnsettledError):
        driver.drain()
    assert other.progress().fulfilled == 2


def test_the_schema_itself_submits_nothing_of_a_paused_lane(driver: Driver) -> None:
    """For a worker that has looked before the pause, and for the release before."""
    job_id = driver.packed(3)
    act(driver, "lane.pause")
    sql = """
    UPDATE job SET state = 'submitting', slot = 1, submitting_at = now() WHERE id = %(id)s
    """
    assert driver.execute(sql, id=job_id) == 0
    act(driver, "lane.resume")
    assert driver.execute(sql, id=job_id) == 1


def test_jobs_that_the_vendor_has_go_on(driver: Driver) -> None:
    driver.accepted(3)
    act(driver, "lane.pause")
    driver.drain()
    driver.assert_bought_once(3)


def test_a_paused_lane_that_is_empty_stays(driver: Driver) -> None:
    driver.enqueue(1)
    shown = look(driver, "lane.pause")
    assert (shown.count, shown.identifiers) == (1, 1)
    act(driver, "lane.pause")
    act(driver, "request.cancel")
    assert act(driver, "lane.pause").count == 0
    assert_true(driver)
