"""The gate: the vendor's rate limits, kept by all workers of an account through Redis.

For each route Redis holds the calls in the vendor's sliding window: ours, and those that must be
others' since the vendor's headers count more than we made. A call is granted when the window has
room that nobody who goes before needs; else the caller stands in a queue and is told when it
has. Who goes before: what is worth more, then who waits longer, and each 30 s of waiting are
worth a level, so nobody starves. A window that nobody used grants all its calls at once.

What can wait leaves a quarter of the calls to what cannot. A 429 that says nothing of a limit
teaches one: one call less than were made; it grows back by a tenth of the limit each minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from manager import faultpoint
from manager.logs import get_logger
from manager.semaphore.names import Owner
from manager.semaphore.redis import lua
from manager.vendor.calls import Route, Worth
from manager.vendor.errors import NotYourTurn

log = get_logger(__name__)

TAKE = faultpoint.point("semaphore.take")
ANSWERED = faultpoint.point("semaphore.answered")
GIVE_BACK = faultpoint.point("semaphore.give_back")
# Half a second more than the vendor's: it counts a call when it arrives, we when it is granted.
WINDOW = 60.5
# What is worth less leaves a reserve.
UNRESERVED = Worth.LINKS


class Calls(NamedTuple):
    """How the calls of a route stand.

    used: calls in the last minute, ours and, as far as the vendor told, others' with the same
    key. allowed: calls a minute. waiting: how many stand in the queue. blocked_until: after a
    429, until when no call is made.
    """

    used: int
    allowed: int
    waiting: int
    blocked_until: datetime | None


class RedisGate:
    """Grants the calls of one account (a `manager.vendor.calls.Gate`).

    Without Redis every call is granted: the vendor's own 429 still holds.

    calls_per_minute: what a route allows while the vendor has not said.
    window (seconds) and clock (milliseconds) are for tests.
    """

    def __init__(
        self,
        redis: Redis,
        owner: Owner,
        calls_per_minute: int,
        *,
        window: float = WINDOW,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._redis = redis
        self._owner = owner
        self._calls_per_minute = calls_per_minute
        self._window = window
        self._clock = clock
        self._take = _script(redis, "take")
        self._answered = _script(redis, "answered")
        self._give_back = _script(redis, "give_back")
        self._calls = _script(redis, "calls")

    def take(self, route: Route, who: str, worth: Worth) -> None:
        """Take one call of the route, now.

        who: the caller, under which its place in the queue is kept from one attempt to the next.
        Raises NotYourTurn with the seconds after which to come again. The call is then kept for
        it for 10 s, unless something worth more came; who has not come by then has lost its place.
        """
        try:
            with faultpoint.around(TAKE):
                wait = self._run(self._take, route, who, int(worth), int(UNRESERVED))
        except RedisError as error:
            log.warning("call.unlimited", route=route, error=error)
            return
        if wait:
            raise NotYourTurn(route, wait / 1000)

    def answered(
        self,
        route: Route,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Learn from an answer what its headers say; None is what they do not say.

        limit, remaining: calls. reset: seconds until the oldest call leaves the window.
        blocked: seconds for which the vendor wants no call at all.
        """
        times = (None if it is None else math.ceil(it * 1000) for it in (reset, blocked))
        said = ["" if it is None else it for it in (limit, remaining, *times)]
        try:
            with faultpoint.around(ANSWERED):
                self._run(self._answered, route, *said)
        except RedisError as error:
            log.warning("limit.not_noted", route=route, error=error)

    def give_back(self, route: Route, who: str) -> None:
        """Give back the last call that `who` was granted; it was certainly not made."""
        try:
            with faultpoint.around(GIVE_BACK):
                self._run(self._give_back, route, who)
        except RedisError as error:  # it counts as made, until it leaves the window
            log.warning("call.not_given_back", route=route, error=error)

    def calls(self, route: Route) -> Calls:
        """How the route's calls stand, for operators. Raises RedisError."""
        used, allowed, waiting, blocked_until = self._run(self._calls, route)
        until = datetime.fromtimestamp(blocked_until / 1000, UTC) if blocked_until else None
        return Calls(used, allowed, waiting, until)

    def forget(self) -> None:
        """Forget the account's calls, and what was learnt of its limits. Raises RedisError."""
        self._redis.delete(*(key for route in get_args(Route) for key in self._keys(route)))

    def _run(self, script: Script, route: Route, *args: str | float) -> Any:
        now = self._clock() if self._clock else ""
        common = (now, round(self._window * 1000), self._calls_per_minute)
        return script(keys=self._keys(route), args=[*common, *args])

    def _keys(self, route: Route) -> list[str]:
        key = self._owner.calls(route)
        return [key, f"{key}:window", f"{key}:queue", f"{key}:turns"]


def _script(redis: Redis, name: str) -> Script:
    return redis.register_script(lua("route") + lua(name))
