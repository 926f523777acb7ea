"""Rate limits: a sliding window of a minute for each route, and the headers that tell of it."""

import math
from collections import defaultdict, deque

from sandbox.clock import Clock
from sandbox.rules import Refusal
from sandbox.settings import Route

WINDOW = 60.0


class Limits:
    """Counts the calls of the last minute; refused calls don't count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: defaultdict[Route, deque[float]] = defaultdict(deque)

    def take(self, route: Route, limit: int | None, *, told: bool = True) -> None:
        """Count a call, or refuse it with 429 if the window is full; None is unlimited.

        Unless `told`, the refusal does not say until when.
        """
        if limit is None:
            return
        calls = self._recent(route)
        if len(calls) >= limit:
            message = f"More than {limit} requests in {WINDOW:.0f} seconds."
            refusal = Refusal(429, "rate_limit_exceeded", message)
            if told:
                seconds = self._reset(calls)
                refusal.metadata = {"limit": limit, "retry_after": seconds}
                refusal.headers = {"retry-after": str(seconds)}
            raise refusal
        calls.append(self._clock.now())

    def headers(self, route: Route, limit: int | None) -> dict[str, str]:
        """The x-ratelimit headers as of now [docs]; none if the route is unlimited."""
        if limit is None:
            return {}
        calls = self._recent(route)
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(limit - len(calls), 0)),
            "x-ratelimit-reset": str(self._reset(calls)),
        }

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def _recent(self, route: Route) -> deque[float]:
        calls = self._calls[route]
        while calls and calls[0] <= self._clock.now() - WINDOW:
            calls.popleft()
        return calls

    def _reset(self, calls: deque[float]) -> int:
        """Whole seconds until the oldest call leaves the window [docs]."""
        oldest = calls[0] if calls else self._clock.now()
        return math.ceil(oldest + WINDOW - self._clock.now())
