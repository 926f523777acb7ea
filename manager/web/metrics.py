"""`/metrics` for Prometheus: scraped by one at a time, at most every few seconds, within a time."""

from __future__ import annotations

import asyncio
import copy
from time import monotonic

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manager.logs import get_logger
from manager.operator.metrics import Collected, render, scrape
from manager.steps.context import Context

log = get_logger(__name__)

# Seconds that what was read is given to others who ask, and within which there is an answer:
# Prometheus waits for 10 by itself.
FRESH, WITHIN = 4.0, 8.0


def routes(context: Context) -> list[Route]:
    """The page's only route. Whoever may not see it is kept out by others."""
    scrapes = Scrapes(context)

    async def metrics(request: Request) -> Response:
        collected = await scrapes.latest()
        accept = request.headers.get("accept", "")
        body, content_type = await run_in_threadpool(render, collected, accept)
        # the type as it is: Starlette would add a second charset
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        return Response(body, headers=headers)

    return [Route("/metrics", metrics)]


class Scrapes:
    """The scrapes of one process: never two at once, and none anew while the last one is fresh."""

    def __init__(self, context: Context, fresh: float = FRESH, within: float = WITHIN) -> None:
        self._context = context
        self._fresh = fresh
        self._within = within
        self._running: asyncio.Task[Collected] | None = None
        self._found = Collected()
        self._at = float("-inf")

    async def latest(self) -> Collected:
        """What was read last, or is read now; after `within` seconds what is known by then."""
        if self._running is None:
            if monotonic() - self._at < self._fresh:
                return self._found
            self._found = Collected()
            self._running = asyncio.create_task(self._scrape(self._found))
        found = self._found
        done, _ = await asyncio.wait({self._running}, timeout=self._within)
        return found if done else _so_far(found)

    async def _scrape(self, found: Collected) -> Collected:
        try:
            return await run_in_threadpool(scrape, self._context, found)
        except Exception as error:  # whatever it is, Prometheus is told what is known
            log.error("scrape.failed", exc_info=error)
            return found
        finally:
            self._running, self._at = None, monotonic()


def _so_far(found: Collected) -> Collected:
    """What was read so far, while it is still being read."""
    for _ in range(10):
        try:
            return copy.deepcopy(found)
        except RuntimeError:  # it was written to meanwhile
            continue
    return Collected()
