"""Waits for a request behind a progress bar."""

from __future__ import annotations

import math
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from manager.client.follow import Progress as RequestProgress
from manager.client.patience import wait_timeout
from manager.client.sync import Request
from manager.errors import UnavailableError, WaitTimeoutError
from manager.operator.status import named, status
from manager.steps.context import Context

LOOK = 1.0
# Seconds without any progress after which the daemon's problems are looked at.
IDLE = 5.0
# Seconds that Postgres may be away, for example while it restarts.
OUTAGE = 60.0


class Follower:
    """Follows a request; `now` is its progress as last seen, None as long as it was not."""

    def __init__(self, request: Request, context: Context, *, quiet: bool) -> None:
        self.now: RequestProgress | None = None
        self._request = request
        self._context = context
        columns = (
            TextColumn("settled"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self._task = self._bar.add_task("", total=request.total)
        self._quiet = quiet
        self._moved = time.monotonic()

    def look(self) -> None:
        """See how far the request is."""
        self._show(self._request.progress())

    def wait(self, timeout: float | None) -> None:
        """Return when the request is finished. Raises WaitTimeoutError, UnavailableError."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        self.look()
        answered = time.monotonic()
        with self._bar:
            while True:
                left = deadline - time.monotonic()
                try:
                    if self._is_finished(within=max(0.0, min(LOOK, left))):
                        return
                    answered = time.monotonic()
                except UnavailableError as error:
                    if time.monotonic() - answered > OUTAGE:
                        raise
                    self._say(str(named(error)))
                    time.sleep(max(0.0, min(LOOK, left)))
                if left <= LOOK and self.now is not None:
                    raise wait_timeout(self.now.id, timeout, self.now)

    def _is_finished(self, within: float) -> bool:
        try:
            self._show(self._request.wait(within))
            return True
        except WaitTimeoutError:
            self.look()
            return False

    def _show(self, now: RequestProgress) -> None:
        if self.now is None or now.settled != self.now.settled:
            self._moved = time.monotonic()
            self._say("")
        elif not self._quiet and time.monotonic() - self._moved > IDLE:
            self._moved = time.monotonic()
            self._say("; ".join(status(self._context).problems[:1]))
        self.now = now
        self._bar.update(self._task, completed=now.settled)

    def _say(self, text: str) -> None:
        self._bar.update(self._task, description=text)
