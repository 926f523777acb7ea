"""The heartbeat by which the supervisor sees that a worker, or beat, works and not merely lives.

Celery workers on Redis are known to stay alive yet stop consuming after a reconnect (celery
issues 8030, 8091, 10205, 10302). So it is not the process that beats but its work: the file is
touched when a task is taken, now and then while it runs, and when it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

INTERVAL = 5.0


class Heartbeat:
    """A file whose time of change is that of the last work done; none without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def touch(self) -> None:
        """Say that work was done."""
        if self._path is not None:
            with suppress(OSError):  # a full disk must not end a task
                self._path.touch()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Beat as long as the block runs; one that hangs is ended by Celery's time limit."""
        if self._path is None:
            yield
            return
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(done,), daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            self.touch()

    def _beat(self, done: threading.Event) -> None:
        self.touch()
        while not done.wait(INTERVAL):
            self.touch()
