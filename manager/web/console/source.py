"""What pages are made from."""

from __future__ import annotations

import threading
import time

from manager.operator.status import Status, status
from manager.steps.context import Context

FRESH = 2.0  # seconds


class Source:
    """The context, and the status, looked at once for all pages made in the same moment."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._found = Status()
        self._until = 0.0

    def status(self) -> Status:
        """How the daemon stands, no longer ago than FRESH; whoever asks while somebody looks waits
        for that look. It raises nothing: every trouble is a problem.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = status(self.context)
                self._until = time.monotonic() + FRESH
            return self._found
