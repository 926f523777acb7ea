"""Sweep: whatever wake-up was lost, all due work is found in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from manager.context import Wake
from manager.sweep import sweep
from tests.manager.daemon import Daemon, closed_port

pytestmark = pytest.mark.integration


def found(daemon: Daemon) -> list[Wake]:
    """What a sweep finds, but for the look at what may be packed, which it always takes."""
    wakes = sweep(daemon.context)
    assert wakes[-1] == Wake("pack")
    return wakes[:-1]


DUE: dict[str, Callable[[Daemon], UUID]] = {
    "submit": lambda daemon: daemon.packed(2),
    "resolve": lambda daemon: daemon.unresolved(2, "reset_after"),
    "poll": lambda daemon: daemon.accepted(2),
    "merge": lambda daemon: daemon.completed(2),
}


@pytest.mark.parametrize("step", DUE)
def test_every_kind_of_due_work_is_found_and_nothing_that_is_not_due(
    daemon: Daemon, step: str
) -> None:
    job_id = DUE[step](daemon)
    daemon.hasten()
    assert found(daemon) == [Wake(step, None if step == "poll" else job_id)]  # type: ignore[arg-type]
    daemon.execute("UPDATE job SET due_at = now() + interval '1 minute'")
    assert found(daemon) == []


def test_what_has_ended_is_no_work(daemon: Daemon) -> None:
    daemon.enqueue(2)
    daemon.drain()
    daemon.execute("UPDATE job SET due_at = now() - interval '1 day'")
    assert found(daemon) == []


def test_polls_that_are_due_are_one_wake_up(daemon: Daemon) -> None:
    for size in (1, 2, 3):
        daemon.accepted(size, first=100 * size)
    daemon.hasten()
    assert found(daemon) == [Wake("poll")]


def test_what_waits_longest_is_submitted_first(daemon: Daemon) -> None:
    jobs = [daemon.packed(size, first=100 * size) for size in range(1, 7)]
    daemon.execute("UPDATE job SET due_at = now() - identifier_count * interval '1 minute'")
    assert found(daemon) == [Wake("submit", job_id) for job_id in jobs[:0:-1]], "five at once"


def test_a_paused_account_packs_nothing_but_goes_on_with_what_it_has(daemon: Daemon) -> None:
    job_id = daemon.completed(2)
    daemon.pause()
    assert sweep(daemon.context) == [Wake("merge", job_id)]


def test_lost_wake_ups_are_made_up_for_from_beginning_to_end(daemon: Daemon) -> None:
    request = daemon.enqueue(3)
    for _ in range(10):
        for wake in sweep(daemon.context):
            daemon.only(wake)
        daemon.sandbox.advance(60)
        daemon.hasten()
    assert request.progress().fulfilled == 3


def test_each_sweep_leaves_its_pulse(daemon: Daemon) -> None:
    pulses = []
    for _ in range(2):
        sweep(daemon.context)
        pulses.append(daemon.value("SELECT swept_at FROM account"))
    assert pulses[0] < pulses[1] <= daemon.value("SELECT clock_timestamp()")


def test_the_semaphore_is_put_right(daemon: Daemon) -> None:
    job_id = daemon.accepted(2)
    daemon.context.redis.flushdb()
    sweep(daemon.context)
    assert daemon.held() == {job_id}


def test_without_redis_it_still_finds_what_is_due(daemon: Daemon) -> None:
    job_id = daemon.completed(2)
    url = f"redis://127.0.0.1:{closed_port()}"
    assert Wake("merge", job_id) in sweep(daemon.another(redis_url=url).context)
    assert daemon.value("SELECT swept_at FROM account") is not None
