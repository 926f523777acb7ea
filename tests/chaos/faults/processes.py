"""What hurts our own processes."""

from __future__ import annotations

import contextlib
import functools
import random
import subprocess
import sys
import time

import psutil

from tests.chaos.faults.registry import fault, stopped
from tests.chaos.world import World


@fault
def kill_worker_child(world: World, rng: random.Random) -> None:
    """SIGKILL to a process that runs tasks."""
    mains = world.some_daemon(rng).processes("tasks", "worker")
    _kill(rng, [child for main in mains for child in _children(main)])


@fault
def kill_worker(world: World, rng: random.Random) -> None:
    """SIGKILL to a whole worker's main process."""
    _kill(rng, world.some_daemon(rng).processes("tasks", "worker"))


@fault
def kill_beat(world: World, rng: random.Random) -> None:
    """SIGKILL to beat."""
    _kill(rng, world.some_daemon(rng).processes("tasks", "beat"))


@fault
def kill_supervisor(world: World, rng: random.Random) -> None:
    """SIGKILL to the supervisor; the daemon is started again a while later."""
    daemon = world.some_daemon(rng)
    daemon.kill()
    time.sleep(rng.uniform(0.5, 4))
    daemon.start()


@fault
def restart_daemon(world: World, rng: random.Random) -> None:
    """SIGTERM and a new start, as an upgrade does it."""
    daemon = world.some_daemon(rng)
    daemon.stop(timeout=20)
    time.sleep(rng.uniform(0, 1))
    daemon.start()


@fault
def pause_worker(world: World, rng: random.Random) -> None:
    """SIGSTOP to a worker with all its processes, for a while."""
    mains = world.some_daemon(rng).processes("tasks", "worker")
    with stopped([process for main in mains[:1] for process in (main, *_children(main))]):
        time.sleep(rng.uniform(1, 5))


@fault
def fault_points(world: World, rng: random.Random) -> None:
    """A daemon in which processes die, hang or raise at named points, now and then."""
    daemon = world.some_daemon(rng)
    actions = ("kill @0.1", "exit @0.1", "hang 3 @0.1", "raise @0.2")
    daemon.stop(timeout=20)
    daemon.fault_points = {
        f"{when} {point}": rng.choice(actions)
        for when in ("before", "after")
        for point in rng.sample(points(), 12)
    }
    daemon.start()
    time.sleep(rng.uniform(5, 10))
    daemon.stop(timeout=20)
    daemon.fault_points = {}
    daemon.start()


@functools.cache
def points() -> list[str]:
    """The fault points that a worker has; to arm any other one is an error there."""
    program = (
        "import tasks.__main__; from manager import faultpoint; print(*sorted(faultpoint.points()))"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return asked.stdout.decode().split()


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _kill(rng: random.Random, processes: list[psutil.Process]) -> None:
    if processes:
        with contextlib.suppress(psutil.Error):
            rng.choice(processes).kill()
