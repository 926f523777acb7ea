"""Singles: a job of one identifier has to wait for an unresolved one; nothing else does."""

from __future__ import annotations

from uuid import UUID

import pytest

from manager.context import Wake
from manager.pack import pack
from manager.submit import submit
from manager.sweep import sweep
from sandbox.catalogue import SELECTABLE
from tests.manager.daemon import Daemon

pytestmark = pytest.mark.integration


@pytest.fixture
def waiting(daemon: Daemon) -> list[UUID]:
    """As many packed singles as there is room for, that wait for one that is unresolved."""
    for number, field in enumerate(sorted(SELECTABLE)[:8]):
        daemon.enqueue(1, first=number, fields=[field])
    first, *others = [wake.job_id for wake in pack(daemon.context) if wake.job_id]
    assert len(others) >= daemon.context.settings.cap
    daemon.sandbox.fault("submit", "reset_after")
    submit(daemon.context, first)
    assert daemon.job(first).state == "submitting"
    return others


def test_others_are_packed_and_submitted(daemon: Daemon, waiting: list[UUID]) -> None:
    daemon.enqueue(3, first=100)
    [wake] = pack(daemon.context)
    assert wake.job_id
    assert daemon.job(wake.job_id).identifier_count == 3
    daemon.hasten()
    due = [wake for wake in sweep(daemon.context) if wake.step == "submit"]
    assert due == [wake], "those that have to wait are not tried"
    submit(daemon.context, wake.job_id)
    assert daemon.job(wake.job_id).state == "pending"


def test_no_more_of_one_are_packed(daemon: Daemon, waiting: list[UUID]) -> None:
    daemon.enqueue(1, first=100)
    assert pack(daemon.context) == []
    daemon.enqueue(1, first=101)
    [wake] = pack(daemon.context)
    assert wake.job_id
    assert daemon.job(wake.job_id).identifier_count == 2


def test_they_go_on_when_it_is_resolved(daemon: Daemon, waiting: list[UUID]) -> None:
    daemon.enqueue(3, first=100)
    daemon.drain()
    assert daemon.states() == {"fulfilled": 11}
    assert daemon.sandbox.record()["duplicates"]["count"] == 0
    assert all(daemon.job(job_id).state == "merged" for job_id in waiting)


def test_a_single_one_is_packed_while_one_is_only_under_way(daemon: Daemon) -> None:
    daemon.packed(1)
    daemon.execute("UPDATE job SET state = 'submitting', slot = 1, submitting_at = now()")
    daemon.enqueue(1, first=100)
    assert pack(daemon.context) != [], "its answer is a matter of seconds"
    assert Wake("pack") in sweep(daemon.context)
