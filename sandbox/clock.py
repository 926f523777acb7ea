"""The sandbox's one clock: every time in it is read here, and tests move it."""

import asyncio
import contextlib
import math
import time
from datetime import UTC, datetime


class Clock:
    """Unix time in seconds, plus whatever it was advanced by; it can be frozen."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen_at: float | None = None
        self._moved = asyncio.Event()

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        wall = time.time() if self._frozen_at is None else self._frozen_at
        return wall + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time forward; whatever waits for it wakes up."""
        self._offset += seconds
        self.nudge()

    def reset(self) -> None:
        """Forget what it was advanced by, and run."""
        self._offset = 0.0
        self._frozen_at = None
        self.nudge()

    def freeze(self, frozen: bool) -> None:
        """Stop the time, so that only `advance` moves it, or let it run on from where it is."""
        if frozen == (self._frozen_at is not None):
            return
        now = self.now()
        wall = time.time()
        self._frozen_at = wall if frozen else None
        self._offset = now - wall
        self.nudge()

    def nudge(self) -> None:
        """Wake everything that waits, so that it looks again at what it waits for."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, until: float = math.inf) -> None:
        """Return at that time, or earlier when the clock was moved or nudged."""
        endless = self._frozen_at is not None or math.isinf(until)
        with contextlib.suppress(TimeoutError):
            left = None if endless else max(until - self.now(), 0.0)
            await asyncio.wait_for(self._moved.wait(), left)

    async def sleep(self, seconds: float) -> None:
        """Return when that many of the sandbox's seconds have gone by."""
        end = self.now() + seconds
        while self.now() < end:
            await self.wait(end)


def iso(moment: float) -> str:
    """ISO 8601 with offset and microseconds, as the vendor writes times [seed]."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")
