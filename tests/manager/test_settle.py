"""Settle: what a job's failure means for its enrichments and for those who want them."""

from __future__ import annotations

import psycopg
import pytest

from manager.pack import pack
from manager.poll import poll
from tests.manager.daemon import LONG, MISCOUNTED, Daemon

pytestmark = pytest.mark.integration


def fail(daemon: Daemon) -> None:
    """What waits is packed into a job, which the vendor fails."""
    daemon.sandbox.fault("submit", "fail_job", error_message="out of luck")
    daemon.hasten()
    daemon.run(*pack(daemon.context))
    daemon.sandbox.advance(LONG)
    daemon.hasten()
    poll(daemon.context)


def test_each_enrichment_has_attempts_of_its_own(daemon: Daemon) -> None:
    old = daemon.enqueue(2)
    fail(daemon)
    fail(daemon)
    both = daemon.enqueue(3)
    fail(daemon)
    assert daemon.states() == {"failed": 2, "pending": 1}
    assert old.progress().finished
    assert (both.progress().failed, both.progress().waiting) == (2, 1)
    daemon.drain()
    assert (both.progress().failed, both.progress().fulfilled) == (2, 1)
    assert daemon.rows(MISCOUNTED) == []


def test_what_failed_for_good_is_tried_anew_when_it_is_asked_for_again(daemon: Daemon) -> None:
    first = daemon.enqueue(2)
    for _ in range(3):
        fail(daemon)
    again = daemon.enqueue(2)
    fail(daemon)
    assert daemon.states() == {"pending": 2}, "this was the first attempt of its cycle"
    daemon.drain()
    assert (first.progress().failed, again.progress().fulfilled) == (2, 2)
    assert daemon.rows(MISCOUNTED) == []


def test_what_is_tried_again_keeps_its_priority(daemon: Daemon) -> None:
    daemon.enqueue(1, priority=10)
    fail(daemon)
    daemon.enqueue(1, first=1, fields=["headcount.total"])
    ranks = daemon.rows("SELECT priority FROM enrichment ORDER BY rank")
    assert [row.priority for row in ranks] == [10, 0]


def test_those_who_wait_are_told_of_a_failure_too(daemon: Daemon) -> None:
    daemon = daemon.another(max_attempts=1)
    request = daemon.enqueue(1)
    with psycopg.connect(daemon.context.settings.postgres, autocommit=True) as listener:
        listener.execute("LISTEN enrichd_finished")
        fail(daemon)
        told = [it.payload for it in listener.notifies(timeout=10, stop_after=1)]
    assert told == [str(request.id)]
