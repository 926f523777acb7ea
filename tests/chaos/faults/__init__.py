"""What can go wrong, by what it hurts."""

from __future__ import annotations

import contextlib
import random

import httpx
import psutil

from manager.errors import EnrichdError
from sandbox import SandboxError
from tests.chaos.faults import orders, processes, servers, vendor
from tests.chaos.faults.registry import FAULTS
from tests.chaos.world import World

__all__ = ["FAULTS", "apply", "clear", "orders", "processes", "servers", "vendor"]


def apply(world: World, kind: str, seed: int) -> None:
    """Carry out one fault; what a broken world makes impossible is no error of ours."""
    with contextlib.suppress(psutil.Error, SandboxError, httpx.HTTPError, EnrichdError):
        FAULTS[kind](world, random.Random(seed))


def clear(world: World) -> None:
    """End everything that may still go wrong."""
    for it in world.vendors.values():
        it.clear()
    with world.locks["servers"]:
        world.servers.ensure()
    for daemon in world.daemons:
        for proxy in daemon.proxies:
            proxy.mend()
        if daemon.supervisor is None:
            daemon.start()
