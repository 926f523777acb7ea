"""Failed logins are counted, and after some of them the next has to wait.

By address, and by name and address: nobody can shut another out by failing in his name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from contextlib import suppress

from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from manager.errors import EnrichdError
from manager.semaphore.names import failed_logins
from manager.steps.context import Context
from manager.web.ledger_id import LedgerId

log = logging.getLogger(__name__)

# Seconds over which failures are counted; how many there may be of an address, and of a name there.
WINDOW = 60.0
OF_ADDRESS, OF_NAME = 20, 5
MOST = 10_000


class Attempts:
    """The failures of the last minute. Other web processes' are learnt at a failure here, from
    Redis; while that is away each process counts its own.
    """

    def __init__(self, context: Context, ledger_id: LedgerId) -> None:
        self._context = context
        self._ledger_id = ledger_id
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str, name: str | None = None) -> None:
        """Raise HTTPException 429 when there were too many failures."""
        now = time.monotonic()
        for key, most in _keys(address, name):
            until, count = self._failures.get(key, (0.0, 0))
            if count >= most and until > now:
                wait = str(math.ceil(until - now))
                raise HTTPException(
                    429, f"Too many failed logins. Try again in {wait} s.", {"Retry-After": wait}
                )

    async def failed(self, address: str, name: str | None = None) -> None:
        """Count one more."""
        log.warning("a login from %s has failed", address)
        keys = [key for key, _ in _keys(address, name)]
        for key in keys:
            self._count(key, 1)
        id_ = await self._ledger_id.get()
        if id_ is not None:
            with suppress(RedisError, EnrichdError):
                totals = await run_in_threadpool(self._everywhere, id_, keys)
                for key, total in zip(keys, totals, strict=True):
                    self._count(key, 0, at_least=total)

    def succeeded(self, address: str, name: str) -> None:
        """Forget the failures in this name."""
        self._failures.pop(_keys(address, name)[-1][0], None)

    def _count(self, key: str, more: int, at_least: int = 0) -> None:
        now = time.monotonic()
        until, count = self._failures.pop(key, (0.0, 0))
        if until <= now:
            until, count = now + WINDOW, 0
        self._failures[key] = (until, max(count + more, at_least))
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def _everywhere(self, ledger_id: str, keys: list[str]) -> list[int]:
        with self._context.redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                name = failed_logins(ledger_id, key)
                pipeline.set(name, 0, ex=int(WINDOW), nx=True)
                pipeline.incr(name)
            return [int(it) for it in pipeline.execute()[1::2]]


def _keys(address: str, name: str | None) -> list[tuple[str, int]]:
    """What is counted, and how many are allowed. A network of version 6 is one address."""
    with suppress(ValueError):
        found = ipaddress.ip_address(address)
        if found.version == 6:
            address = str(ipaddress.ip_network((found, 64), strict=False))
    keys = [(_digest(address), OF_ADDRESS)]
    return keys if name is None else [*keys, (_digest(f"{address}\0{name}"), OF_NAME)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
