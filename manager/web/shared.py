"""One answer for all who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class Shared(Generic[T]):
    """A function that runs in a thread, never more than once at a time.

    Who asks while it runs, or within `keep` seconds of its end, is given the same answer, or the
    same error.
    """

    def __init__(self, ask: Callable[[], T], keep: float = 0.0) -> None:
        self._ask = ask
        self._keep = keep
        self._running: asyncio.Task[T] | None = None
        self._ended = 0.0

    async def get(self, within: float | None = None) -> T:
        """The answer. Raises TimeoutError when it takes longer than `within` seconds; the question
        goes on, for who asks next.
        """
        running = self._running
        if running is None or (running.done() and time.monotonic() >= self._ended + self._keep):
            self._running = running = asyncio.create_task(self._run())
        return await asyncio.wait_for(asyncio.shield(running), within)

    async def _run(self) -> T:
        try:
            return await run_in_threadpool(self._ask)
        finally:
            self._ended = time.monotonic()
