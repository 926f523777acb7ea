"""Says which processes are at work, as long as they are.

A supervisor says it of its workers and of beat: a thread of their own would be a danger to
Celery's workers, which fork.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import get_args

from manager.operator.trouble import TROUBLE
from manager.run.supervisor import ProcessSpec, ProcessStatus, Supervisor
from manager.semaphore import Presence, Presences
from manager.semaphore.presence import INTERVAL, machine
from manager.settings import Settings
from manager.steps.context import Context
from manager.steps.registry import Queue
from manager.vendor.agent import our_version

# Seconds between two looks at which processes there are, and until what could not be said is tried
# again.
TICK, RETRY = 0.5, 3.0

Tell = Callable[[], Iterable[Presence]]


@contextmanager
def present(settings: Settings, role: str, also: Tell = lambda: ()) -> Iterator[None]:
    """Say now and then, until the end of the block, that this process is at work, and others.

    What keeps it from being said does not matter to the process.
    """
    started = time.time()

    def tell() -> list[Presence]:
        return [presence(settings, role, role, os.getpid(), started), *also()]

    ended = threading.Event()
    arguments = (settings, tell, ended)
    thread = threading.Thread(target=_say, args=arguments, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2)


def supervised(settings: Settings, supervisor: Supervisor, specs: Sequence[ProcessSpec]) -> Tell:
    """What a supervisor says of its processes; `enrichd web` says it itself."""
    kinds = {spec.name: _kind(spec) for spec in specs}

    def tell() -> Iterator[Presence]:
        now = time.time()
        for it in supervisor.status():
            role, queues = kinds[it.name]
            if it.pid is not None and it.uptime is not None and role in ("worker", "beat"):
                began = now - it.uptime
                yield presence(settings, role, it.name, it.pid, began, queues, it)

    return tell


def presence(
    settings: Settings,
    role: str,
    name: str,
    pid: int,
    started: float,
    queues: tuple[str, ...] = (),
    child: ProcessStatus | None = None,
) -> Presence:
    """What is said of a process on this machine. started: in seconds since 1970. child: as its
    supervisor sees it.
    """
    return Presence(
        role=role,
        name=name,
        host=socket.gethostname(),
        pid=pid,
        version=our_version(),
        started=started,
        clock=time.time(),
        accounts=tuple(it.name for it in settings.served),
        queues=queues,
        restarts=child.restarts if child else 0,
        last_exit=child.last_exit if child else None,
        idle=child.idle if child else None,
        machine=machine(),
    )


def _kind(spec: ProcessSpec) -> tuple[str, tuple[str, ...]]:
    """Its role and the kinds of queues that it takes from, as its command line has them."""
    words = list(spec.argv)
    role = next((it for it in ("worker", "beat") if it in words), "")
    if role != "worker":
        return role, ()
    if "--queues" not in words:
        return role, get_args(Queue)
    named = words[words.index("--queues") + 1].split(",")
    return role, tuple(it.removeprefix("enrichd.") for it in named)


def _say(settings: Settings, tell: Tell, ended: threading.Event) -> None:
    """At once when a process has come or gone, else every INTERVAL."""
    context = Context(settings, "presence")
    said: dict[str, Presence] = {}
    tried: set[str] = set()
    due = 0.0
    while not ended.wait(TICK):
        now = {it.process: it for it in tell()}
        if now.keys() == tried and time.monotonic() < due:
            continue
        tried, due = set(now), time.monotonic() + RETRY
        with suppress(*TROUBLE):
            known = Presences(context.redis, context.ledger_id)
            for it in now.values():
                known.note(it)
            for process in said.keys() - now.keys():
                known.gone(said[process])
            said, due = now, time.monotonic() + INTERVAL
    with suppress(*TROUBLE):
        known = Presences(context.redis, context.ledger_id)
        for it in said.values():
            if it.pid == os.getpid():
                known.ended(it)
            else:
                known.gone(it)
    context.close()
