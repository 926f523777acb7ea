"""Waits for a request behind a progress bar, and says how to go on."""

from __future__ import annotations

import math
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from manager.cli.options import print_line, program
from manager.client.follow import Progress as RequestProgress
from manager.client.patience import wait_timeout
from manager.client.sync import Request
from manager.errors import InvalidRequestError, UnavailableError, WaitTimeoutError
from manager.operator.status import status
from manager.operator.trouble import named
from manager.steps.context import Context

COUNTERS = ("fulfilled", "not_found", "failed", "cancelled")
MAX_TIMEOUT = 30 * 86_400
LOOK = 1.0
# Seconds without any progress after which the daemon's problems are looked at.
IDLE = 5.0
# Seconds that Postgres may be away, for example while it restarts.
OUTAGE = 60.0


def check_timeout(timeout: float | None) -> None:
    """Raise InvalidRequestError for what is no time to wait."""
    if timeout is not None and not 0 <= timeout <= MAX_TIMEOUT:  # NaN is no number of seconds
        raise InvalidRequestError(f"--timeout: {timeout:g} is not from 0 to {MAX_TIMEOUT} seconds.")


def say_how_to_go_on(request_id: UUID, now: RequestProgress | None, data_dir: Path | None) -> None:
    """What became of it, and the commands that one would want next."""
    if now is None:
        print_line(f"See how far it is: {_command('requests', request_id, data_dir)}")
        print_line(f"Wait for it: {_command('wait', request_id, data_dir)}")
        return
    print_line(", ".join(f"{name} {getattr(now, name):,}" for name in COUNTERS))
    print_line(f"Read the results: {_command('results', request_id, data_dir)}")


def _command(name: str, request_id: UUID, data_dir: Path | None) -> str:
    at = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    return f"{program()} {name} {request_id}{at}"


class Follower:
    """Follows a request; `now` is its progress as last seen, None as long as it was not.

    lingers: seconds that it may wait for others, to fill a job.
    """

    def __init__(
        self,
        request: Request,
        context: Context,
        data_dir: Path | None,
        *,
        quiet: bool,
        lingers: float = 0.0,
    ) -> None:
        self._again = f"wait again: {_command('wait', request.id, data_dir)}"
        self._lingers = lingers
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
                    raise wait_timeout(self.now.id, timeout, self.now, again=self._again)

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
        elif not now.settled and _age(now) < self._lingers:
            self._moved = time.monotonic()
            self._say(f"waits up to {self._lingers:g} s for more, to fill a job")
        elif not self._quiet and time.monotonic() - self._moved > IDLE:
            self._moved = time.monotonic()
            self._say("; ".join(map(str, status(self._context).problems[:1])))
        self.now = now
        self._bar.update(self._task, completed=now.settled)

    def _say(self, text: str) -> None:
        self._bar.update(self._task, description=text)


def _age(now: RequestProgress) -> float:
    return (datetime.now(UTC) - now.created_at).total_seconds()
