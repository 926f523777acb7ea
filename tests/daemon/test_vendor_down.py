"""A vendor that stays down: the daemon is quiet, and catches up by itself."""

from __future__ import annotations

import time

import pytest

from manager import Manager
from tests.chaos import check
from tests.chaos.load import value_of
from tests.chaos.world import World

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(180)]
BACKOFF_MAX = 2.0
WINDOW = 4.0
# Five submissions to resolve, one job packed ahead, and the comparison every 3 seconds. Each
# waits at least half of the longest wait; a loop without waits would make hundreds of calls.
QUIET = 6 * WINDOW / (BACKOFF_MAX / 2) + WINDOW / 3 + 6


def calls(world: World) -> int:
    """How many calls are made in a while; each has a connection of its own."""
    before = world.daemons[0].vendor.attempts
    time.sleep(WINDOW)
    return world.daemons[0].vendor.attempts - before


def test_the_daemon_is_quiet_while_the_vendor_is_down_and_catches_up() -> None:
    with World(seed=0, daemons=1, pace={"BACKOFF_MAX": str(BACKOFF_MAX)}) as world:
        check.swept(world.settings, timeout=60)
        for route in ("submit", "status", "list"):
            world.sandbox.fault(route, "status", status=503, after=False, times=None)
        request = Manager(world.settings).enqueue(
            "domains", [value_of("domains", number) for number in range(2_000)]
        )
        time.sleep(3)  # until every wait is the longest
        errors = calls(world)
        world.daemons[0].vendor.cut()
        unreachable = calls(world)
        print(f"calls in {WINDOW:g} s: {errors} answered 503, {unreachable} unreachable")
        assert 0 < errors <= QUIET
        assert 0 < unreachable <= QUIET
        assert request.progress().settled == 0

        world.sandbox.clear_faults()
        world.daemons[0].vendor.mend()
        assert request.wait(90).settled == 2_000
        assert not list(check.violations(world, {request.id: 2_000}))
