"""Waiting for Postgres and Redis when the daemon starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from manager.errors import ConfigurationError, UnavailableError
from manager.logs import get_logger
from manager.redact import without_passwords

log = get_logger("manager.run.supervisor")

RETRY = 0.25
REMIND = 10.0


def wait_until_reachable(
    check: Callable[[], None], what: str, timeout: float, stop: threading.Event | None = None
) -> None:
    """Call `check` until it returns; `timeout` in seconds, `what` like "Postgres at host:port".

    Returns early when `stop` is set.

    Each new reason to wait is logged, and the last one again every ten seconds. Raises
    UnavailableError with it at the time-out; a ConfigurationError passes at once.
    """
    stop = stop or threading.Event()
    started = time.monotonic()
    told: tuple[str, float] = ("", 0.0)
    what = without_passwords(what)
    while not stop.is_set():
        try:
            check()
        except ConfigurationError:
            raise
        except Exception as error:
            reason = without_passwords(error)
        else:
            if told[0]:
                log.info("server.reached", server=what)
            return
        now = time.monotonic()
        if now - started >= timeout:
            raise UnavailableError(
                f"{what} cannot be reached since {timeout:.0f} s: {reason}. "
                "Start it, or correct its address."
            )
        if reason != told[0] or now - told[1] >= REMIND:
            told = (reason, now)
            log.info("server.awaited", server=what, why=reason)
        stop.wait(min(RETRY, max(0.0, started + timeout - now)))
