"""How long a wait for a request goes on, and what it says at its end.

Postgres may be away meanwhile: it restarts, a standby takes over, a name is not resolved. The wait
goes on until its own time-out, and looks again within seconds.
"""

from __future__ import annotations

import math
import time
from uuid import UUID

from manager.client.arguments import checked_timeout
from manager.client.follow import Progress
from manager.errors import UnavailableError, WaitTimeoutError
from manager.logs import get_logger

log = get_logger(__name__)

# A notification ends the wait at once; this is for when one is lost, or none can be had.
RECHECK = 2.0
# Seconds between two attempts to reach Postgres: the first, and the most.
RETRY, RETRY_MOST = 0.1, 2.0


class Patience:
    """One wait: what was seen last, and how long to pause before the next look."""

    def __init__(self, request_id: UUID, timeout: float | None) -> None:
        self._id = request_id
        self._timeout = timeout = checked_timeout(timeout)
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._seen: Progress | None = None
        self._trouble: UnavailableError | None = None
        self._retry = RETRY

    def saw(self, progress: Progress) -> Progress:
        """Postgres has answered so."""
        self._seen, self._trouble, self._retry = progress, None, RETRY
        return progress

    def pause(self) -> float:
        """Seconds until the next look at the latest. Raises WaitTimeoutError."""
        return min(self._left(), RECHECK)

    def outage(self, error: UnavailableError) -> float:
        """Seconds until Postgres is tried again. Raises WaitTimeoutError."""
        if self._trouble is None:
            log.warning("request.waited_for", request=self._id, error=error)
        self._trouble = error
        self._retry, pause = min(self._retry * 2, RETRY_MOST), self._retry
        return min(self._left(), pause)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise wait_timeout(self._id, self._timeout, self._seen, self._trouble)
        return left


def wait_timeout(
    request_id: UUID,
    timeout: float | None,
    seen: Progress | None,
    trouble: UnavailableError | None = None,
    again: str = "wait again",
) -> WaitTimeoutError:
    """The error of a wait that ran out: what was seen last, why nothing since, how to go on."""
    text = f"Request {request_id} was not finished after {timeout:g} s:"
    if seen is not None:
        text += f" {seen.settled:,} of {seen.total:,} identifiers are settled."
    if trouble is not None:
        text += f" {trouble}"
    return WaitTimeoutError(f"{text} It goes on; {again}.")
