"""The daemon's processes: replaced when they do not work, gone when their supervisor is."""

from __future__ import annotations

import itertools
import json
import time

import psutil
import pytest
import redis

from manager import Manager
from manager.ledger.connect import Ledger
from tests.chaos import check
from tests.chaos.load import value_of
from tests.chaos.world import World

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(180)]
_numbers = itertools.count(1)


def enrich(world: World, timeout: float = 60) -> None:
    """Enqueue something new and see it come back."""
    domain = value_of("domains", next(_numbers))
    assert Manager(world.settings).enqueue("domains", [domain]).wait(timeout).settled == 1


def pids(world: World, *words: str) -> set[int]:
    return {process.pid for process in world.daemons[0].processes(*words)}


def test_dead_processes_are_started_again(world: World) -> None:
    enrich(world)
    before = world.daemons[0].processes("tasks")
    for process in before:
        process.kill()
    psutil.wait_procs(before, timeout=20)
    enrich(world)
    assert not pids(world, "tasks") & {process.pid for process in before}


def test_workers_that_live_but_do_not_consume_are_replaced_and_so_is_beat(world: World) -> None:
    enrich(world)
    daemon = world.daemons[0]
    stuck = daemon.processes("tasks")
    assert {word for process in stuck for word in process.cmdline()} >= {
        "enrichd.quick", "enrichd.merge", "beat",
    }  # fmt: skip
    for process in stuck:
        process.suspend()
    began = time.monotonic()
    enrich(world, timeout=90)
    print(f"replaced and at work {time.monotonic() - began:.1f} s after they stuck")
    _, alive = psutil.wait_procs(stuck, timeout=20)
    assert not [(it.pid, it.ppid(), it.cmdline()) for it in alive]


@pytest.mark.parametrize("how", ["restart", "kill connections", "flush"])
def test_workers_consume_again_after_redis_was_troubled_several_times(
    world: World, how: str
) -> None:
    for _ in range(3):
        with redis.Redis.from_url(world.servers.redis_url, socket_timeout=5) as client:
            if how == "flush":
                client.flushall()
            elif how == "kill connections":
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        if how == "restart":
            process = world.redis_process()
            assert process is not None
            process.kill()
            process.wait(10)
            world.servers.ensure()
        began = time.monotonic()
        check.swept(world.settings, timeout=90)
        print(f"{how}: swept again after {time.monotonic() - began:.1f} s")
        enrich(world)


def test_a_killed_supervisor_leaves_no_orphans_that_fight_the_next_one(world: World) -> None:
    daemon = world.daemons[0]
    ours = daemon.processes()
    assert len(ours) > 6
    daemon.kill()
    daemon.start()
    _, alive = psutil.wait_procs(ours, timeout=20)
    assert not [(it.pid, it.ppid(), it.cmdline()) for it in alive]
    enrich(world)


def test_sigterm_drains_within_the_configured_time_and_leaves_nothing(world: World) -> None:
    daemon = world.daemons[0]
    request = Manager(world.settings).enqueue(
        "domains", [value_of("domains", 50_000 + number) for number in range(400)]
    )
    ours = daemon.processes()
    drain_timeout = 5  # as PACE has it
    assert daemon.stop(timeout=drain_timeout + 10)
    assert not any(process.is_running() for process in ours)
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^enrichd:(worker|beat)'"
    )
    with Ledger(world.settings, "test").connect() as connection:
        assert connection.execute(query).fetchone() == (0,)
    daemon.start()
    assert request.wait(60).settled == 400


def test_every_line_from_start_to_stop_is_json(world: World) -> None:
    enrich(world)
    daemon = world.daemons[0]
    for process in daemon.processes("tasks", "enrichd.quick"):
        process.kill()
    enrich(world)
    assert daemon.stop(60)
    told = daemon.log.read_text().splitlines()
    odd = [it for it in told if not it.startswith("{")]
    assert all(it.startswith(("enrichd is up", "account ", "look: ")) for it in odd), odd
    lines = [json.loads(it) for it in told if it.startswith("{")]
    assert all({"timestamp", "level", "event"} <= it.keys() for it in lines)
    assert "worker: Warm shutdown (MainProcess)" in {it.get("said") for it in lines}
