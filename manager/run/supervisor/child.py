"""One supervised process over all its incarnations."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from manager.logs import get_logger
from manager.run.supervisor import lifeline

log = get_logger("manager.run.supervisor")

ORPHAN_GRACE = 3.0
SETTLED_AFTER = 30.0
# What was logged so many seconds before it was seen to have ended may be about that.
LAST_WORDS = 5.0
# How a process ended that was replaced, whatever signal did it.
HUNG = "was ended, since it had hung"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep running.

    `env` is added to our environment. With `restart` false the process runs once. `progress`
    tells the seconds since the process last made progress (None: unknown yet); one without any
    for `stalled_after` seconds is replaced, however alive it is. `progress` is called from the
    supervisor's loop, some ten times per `stalled_after`, and must return quickly.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    restart: bool = True
    progress: Callable[[], float | None] | None = None
    stalled_after: float = 60.0


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """How a process is; `uptime` in seconds, `pid` and `uptime` None while it does not run.

    idle: seconds since it made progress, as far as was looked.
    """

    name: str
    pid: int | None
    uptime: float | None
    restarts: int
    last_exit: str | None
    idle: float | None = None


class Child:
    """Starts, watches and ends one process; all times are of the monotonic clock.

    `wait` and `wait_max` are the first and the longest seconds before it is started again.
    """

    def __init__(
        self, spec: ProcessSpec, log_dir: Path | None, *, wait: float, wait_max: float
    ) -> None:
        self.spec = spec
        self._log_path = log_dir / f"{spec.name}.log" if log_dir else None
        self._wait = wait
        self._wait_max = wait_max
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._log_start = 0
        self._started = 0.0
        self._due: float | None = 0.0  # when to start it; None: never again
        self._look_at = 0.0  # when to ask for progress again
        self._worked: float | None = None  # when it made progress last
        self._kill_at: float | None = None  # set while it is being replaced
        self._early_deaths = 0
        self._starts = 0
        self._last_exit: str | None = None

    def __str__(self) -> str:
        pid = f" (pid {self._process.pid})" if self._process is not None else ""
        return f"{self.spec.name}{pid}"

    @property
    def _named(self) -> dict[str, Any]:
        """Which one it is, as its lines say it."""
        return {"child": self.spec.name, "its_pid": self._process and self._process.pid}

    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def status(self) -> ProcessStatus:
        """How it is."""
        process, running = self._process, self.is_running()
        return ProcessStatus(
            name=self.spec.name,
            pid=process.pid if process is not None and running else None,
            uptime=time.monotonic() - self._started if running else None,
            restarts=max(0, self._starts - 1),
            last_exit=self._last_exit,
            idle=time.monotonic() - self._worked if running and self._worked else None,
        )

    def tick(self, grace: float) -> None:
        """Do what is due; a stalled process gets `grace` seconds to end by itself."""
        now = time.monotonic()
        if self._process is None:
            if self._due is not None and now >= self._due:
                self._start(now)
        elif not self.is_running():
            self._after_exit(now)
        elif self._kill_at is not None:
            if now >= self._kill_at:
                log.warning("process.killed", **self._named, why="it ignores SIGTERM")
                self.kill()
        elif reason := self._stalled(now):
            log.warning("process.replaced", **self._named, why=reason)
            self._kill_at = now + grace
            self.ask_to_end()

    def ask_to_end(self) -> None:
        """SIGTERM to the process alone: it knows best how to end its own children."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to the group; while the process is not reaped the group's number is its own."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def reap(self) -> None:
        """Note how the process ended, and wait until the rest of its group is gone as well.

        It is not started again, unless that is scheduled afterwards.
        """
        self._due = None
        if self._process is None:
            return
        self._last_exit = _describe(self._process.wait())
        if self._line is not None:
            with self._line as line, suppress(OSError):
                line.shutdown(socket.SHUT_WR)  # the guard kills what is left, and itself,
                line.settimeout(5.0)
                line.recv(1)  # by which its end closes
        self._process = self._line = self._kill_at = None

    def _start(self, now: float) -> None:
        ours, theirs = socket.socketpair()
        arguments = [str(theirs.fileno()), str(ORPHAN_GRACE), *self.spec.argv]
        try:
            with theirs, self._open_log() as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", lifeline.__file__, *arguments],
                    env={**os.environ, **self.spec.env},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            wait = self._schedule(now)
            log.error("process.not_started", **self._named, error=error, again_in=round(wait, 1))
            return
        self._line = ours
        self._started = now
        self._starts += 1
        self._look_at = now + self.spec.stalled_after / 10
        self._worked = None
        log.info("process.started", **self._named)

    def _after_exit(self, now: float) -> None:
        uptime = now - self._started
        named, replaced = self._named, self._kill_at is not None
        self.reap()
        if uptime >= SETTLED_AFTER:
            self._early_deaths = 0
        again = round(self._schedule(now), 1) if self.spec.restart or replaced else None
        how, last_line = self._last_exit, None
        if replaced:
            how = self._last_exit = HUNG
        elif how == "SIGKILL":  # it could not say anything of it
            how = "SIGKILL, by somebody or for want of memory"
        else:
            last_line = self._last_line() or None
        say = log.info if how == "exit code 0" else log.warning
        say(
            "process.ended",
            **named,
            after=round(uptime),
            how=how,
            again_in=again,
            last_line=last_line,
            log=self._log_path,
        )

    def _schedule(self, now: float) -> float:
        """Set when to start again; returns the seconds until then."""
        longest = min(self._wait_max, self._wait * 2.0 ** min(self._early_deaths, 20))
        wait = longest * random.uniform(0.5, 1.0)  # noqa: S311
        self._early_deaths += 1
        self._due = now + wait
        return wait

    def _stalled(self, now: float) -> str | None:
        """Why the process must be replaced; None when it need not."""
        spec = self.spec
        if spec.progress is None or now < self._look_at:
            return None
        self._look_at = now + spec.stalled_after / 10
        try:
            idle = spec.progress()
        except Exception as error:
            log.debug("process.unknown", **self._named, error=type(error).__name__)
            return None
        # What an earlier incarnation failed to do is not held against this one.
        idle = min(idle, now - self._started) if idle is not None else None
        self._worked = None if idle is None else now - idle
        if idle is None or idle < spec.stalled_after:
            return None
        return f"runs but has made no progress for {idle:.0f} s"

    def _open_log(self) -> AbstractContextManager[IO[bytes] | None]:
        if self._log_path is None:
            return nullcontext()
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        file = self._log_path.open("ab")
        self._log_start = file.tell()
        return file

    def _last_line(self) -> str:
        """What the process has logged at its end; empty when that is nothing."""
        if self._log_path is None:
            return ""
        try:
            if time.time() - self._log_path.stat().st_mtime > LAST_WORDS:  # of something else
                return ""
            with self._log_path.open("rb") as file:
                file.seek(max(self._log_start, self._log_path.stat().st_size - 4096))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "")


def _describe(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    with suppress(ValueError):
        return signal.Signals(-returncode).name
    return f"signal {-returncode}"
