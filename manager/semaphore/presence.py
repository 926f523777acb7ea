"""Presence: which processes are at work on a ledger, as each of them says now and then.

A process that ends says so; one that was killed is remembered for a day, and shows by when it was
heard of last. Nothing else follows from it: it is for operators.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis

from manager.semaphore.names import presences
from manager.semaphore.redis import lua

# Seconds between two words of a process, after how many it is taken for dead, and forgotten.
INTERVAL, DEAD, FORGOTTEN = 10.0, 35.0, 86_400


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself.

    role: up (a supervisor), worker, beat or web; name: what it is called there. queues: of a
    worker, the kinds it takes from. accounts: those that it serves. clock: its own, in seconds
    since 1970. restarts: how often its supervisor had to start it again; last_exit: how it ended
    before. idle: seconds since it did any work, where its supervisor knows. machine: where its pid
    means something. ended: it was stopped.
    """

    role: str
    name: str
    host: str
    pid: int
    version: str
    started: float
    clock: float
    accounts: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    restarts: int = 0
    last_exit: str | None = None
    idle: float | None = None
    machine: str = ""
    ended: bool = False

    @property
    def process(self) -> str:
        """What tells it from all others."""
        return f"{self.host}:{self.pid}:{self.name}"


class Seen(msgspec.Struct, frozen=True):
    """A process, and how many seconds ago it was heard of. ahead: its clock against Redis's."""

    presence: Presence
    ago: float
    ahead: float

    @property
    def alive(self) -> bool:
        """Whether it was heard of lately and has not ended, as far as this machine can tell."""
        return self.ago <= DEAD and not self.presence.ended and not self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether it is of this machine, and its process is not there any more."""
        here = self.presence.machine == machine() != ""
        return here and not Path(f"/proc/{self.presence.pid}").exists()


@cache
def machine() -> str:
    """What tells apart the places in which a pid means something: a boot, and in it a namespace of
    pids, of which each container has its own; "" where that is not to be had.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


class Presences:
    """The processes of one ledger. Every method raises RedisError."""

    def __init__(self, redis: Redis, ledger: str) -> None:
        self._redis = redis
        self._key = presences(ledger)
        self._note = redis.register_script(lua("presence"))

    def note(self, presence: Presence) -> None:
        """Say that it is at work."""
        said = msgspec.json.encode(presence)
        self._note(keys=[self._key], args=[presence.process, said, FORGOTTEN])

    def gone(self, presence: Presence) -> None:
        """Say that it has ended, and will be replaced."""
        self._redis.hdel(self._key, presence.process)

    def ended(self, presence: Presence) -> None:
        """Say that it was stopped, which is remembered."""
        self.note(msgspec.structs.replace(presence, ended=True))

    def seen(self) -> list[Seen]:
        """All that were heard of within a day, by role, host and name."""
        content: dict[bytes, bytes] = self._redis.hgetall(self._key)  # type: ignore[assignment]
        seconds, micros = self._time()
        now = seconds + micros / 1e6
        found = [seen for value in content.values() if (seen := _read(value, now))]
        return sorted(found, key=lambda it: (it.presence.role, it.presence.process))

    def _time(self) -> tuple[int, int]:
        time: Any = self._redis.time()
        return time[0], time[1]


def _read(value: bytes, now: float) -> Seen | None:
    """None when another release wrote it otherwise."""
    at, _, said = value.partition(b" ")
    try:
        presence = msgspec.json.decode(said, type=Presence)
        return Seen(presence, max(now - float(at), 0.0), presence.clock - float(at))
    except (ValueError, msgspec.MsgspecError):
        return None
