"""Reconcile: jobs at the vendor that are not ours take part of the cap; ours never do twice."""

from __future__ import annotations

from typing import Any

import pytest

from manager.context import Wake
from manager.poll import poll
from manager.reconcile import reconcile
from manager.submit import submit
from tests.manager.daemon import LONG, Daemon, closed_port, under_way

pytestmark = pytest.mark.integration


def known_foreign(daemon: Daemon) -> int:
    count: int = daemon.value("SELECT foreign_active FROM account")
    return count


def test_the_active_jobs_of_others_are_learnt_and_forgotten(daemon: Daemon) -> None:
    daemon.accepted(2)
    daemon.sandbox.foreign(seconds=30)
    daemon.sandbox.foreign(seconds=90, identifier_type="names", entity="person", action="search")
    counts = []
    for _ in range(3):
        assert reconcile(daemon.context) == [Wake("sweep")]
        counts.append(known_foreign(daemon))
        daemon.sandbox.advance(LONG)
    assert counts == [2, 1, 0]


def test_what_others_have_at_the_vendor_is_left_out_of_the_slots(daemon: Daemon) -> None:
    jobs = [daemon.packed(size, first=100 * size) for size in range(1, 6)]
    for _ in range(3):
        daemon.sandbox.foreign(seconds=30)
    reconcile(daemon.context)
    for job_id in jobs:
        submit(daemon.context, job_id)
    assert daemon.calls("submit") == 2
    assert len(daemon.held()) == 2
    daemon.sandbox.advance(LONG)
    reconcile(daemon.context)
    daemon.drain()
    assert daemon.sandbox.record()["highest_active"] <= 5


def test_our_own_jobs_are_not_foreign_in_any_state(daemon: Daemon) -> None:
    for size in (1, 2, 3):
        daemon.accepted(size, first=100 * size)
    daemon.sandbox.advance(5)
    daemon.hasten()
    poll(daemon.context)
    daemon.accepted(4, first=400)
    reconcile(daemon.context)
    assert known_foreign(daemon) == 0


def test_a_submission_under_way_is_not_foreign(daemon: Daemon) -> None:
    job_id = daemon.packed(3)
    daemon.sandbox.foreign(identifier_count=2)
    with under_way(daemon, job_id):
        reconcile(daemon.another().context)
        assert known_foreign(daemon) == 1
    reconcile(daemon.context)
    assert known_foreign(daemon) == 1


@pytest.mark.parametrize("others", [0, 1, 2])
def test_an_unresolved_submission_is_not_foreign_though_others_of_its_size_are(
    daemon: Daemon, others: int
) -> None:
    daemon.unresolved(3, "reset_after")
    for _ in range(others):
        daemon.sandbox.foreign(identifier_count=3)
    reconcile(daemon.context)
    assert known_foreign(daemon) == others


def test_what_was_not_accepted_lets_one_of_its_size_go_uncounted_until_it_is_resolved(
    daemon: Daemon,
) -> None:
    """It holds a slot itself, so all in all as many are counted as there are."""
    daemon.unresolved(3, "reset_before")
    daemon.sandbox.foreign(identifier_count=3)
    reconcile(daemon.context)
    assert known_foreign(daemon) == 0
    assert len(daemon.held()) == 1


@pytest.mark.parametrize(
    ("fault", "arguments"), [("status", {"status": 500}), ("reset_before", {}), ("garbage", {})]
)
def test_a_list_that_cannot_be_read_changes_nothing(
    daemon: Daemon, fault: str, arguments: dict[str, Any]
) -> None:
    daemon.accepted(2)
    daemon.sandbox.foreign()
    reconcile(daemon.context)
    daemon.sandbox.advance(LONG)
    daemon.sandbox.fault("list", fault, **arguments)
    assert reconcile(daemon.context) == []
    assert known_foreign(daemon) == 1


def test_an_idle_account_is_left_in_peace(daemon: Daemon) -> None:
    daemon.enqueue(2)
    daemon.drain()
    calls = daemon.calls("list")
    assert reconcile(daemon.context) == []
    assert daemon.calls("list") == calls


def test_the_semaphore_is_put_right_too(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.context.redis.flushdb()
    reconcile(daemon.context)
    assert daemon.held() == {job_id}


def test_without_redis_the_count_is_learnt_all_the_same(daemon: Daemon) -> None:
    daemon.accepted(2)
    daemon.sandbox.foreign()
    url = f"redis://127.0.0.1:{closed_port()}"
    assert reconcile(daemon.another(redis_url=url).context) == [Wake("sweep")]
    assert known_foreign(daemon) == 1
