"""The vendor's rate limits, shared by all workers of an account through Redis."""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError

from manager import faultpoint
from manager.semaphore.redis import lua
from manager.vendor.errors import RateLimited

log = logging.getLogger(__name__)


class RedisGate:
    """Lets a call through when the vendor's last answers say that it has room for it.

    Without Redis every call is let through: the vendor's own 429 still holds.
    """

    def __init__(self, redis: Redis, account: str, calls_per_minute: int) -> None:
        self._prefix = f"enrichd:{{{account}}}:rate"
        self._calls_per_minute = calls_per_minute
        self._before = redis.register_script(lua("before_call"))
        self._after = redis.register_script(lua("after_call"))

    def before(self, endpoint: str) -> None:
        """Raise RateLimited, with the seconds to wait, when the budget is used up."""
        try:
            with faultpoint.around("semaphore.before_call"):
                wait = self._before(
                    keys=[f"{self._prefix}:{endpoint}"], args=[self._calls_per_minute]
                )
        except RedisError as error:
            log.warning("no rate limit for %s: Redis cannot be reached: %s", endpoint, error)
            return
        if wait:
            raise RateLimited(
                f"the budget of calls to {endpoint} is used up", wait=int(wait) / 1000
            )

    def after(
        self,
        endpoint: str,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Write down what an answer told."""
        args = ["" if value is None else value for value in (remaining, reset, blocked)]
        try:
            with faultpoint.around("semaphore.after_call"):
                self._after(keys=[f"{self._prefix}:{endpoint}"], args=args)
        except RedisError as error:
            log.warning("rate limit of %s not written down: %s", endpoint, error)
