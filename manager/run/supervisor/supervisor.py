"""Keeps the daemon's processes running: restarts the dead, replaces the stalled.

Every process leads a session of its own, so that Ctrl-C in the terminal reaches only the
supervisor, and hangs on a lifeline, so that not even SIGKILL of the supervisor leaves a
process that would fight the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from manager.errors import ConfigurationError
from manager.logs import get_logger
from manager.redact import without_passwords
from manager.run.supervisor.child import Child, ProcessSpec, ProcessStatus

log = get_logger("manager.run.supervisor")

TICK = 0.5
REPLACE_GRACE = 10.0


class Supervisor:
    """Keeps processes running until `stop()`; to be used from one thread, but for `status()`.

    `drain_timeout` is in seconds: what SIGTERM gives the processes to end what they do.
    `heartbeat` is called on every tick, for example to look after embedded servers; its errors
    are logged. Output is appended to `log_dir`/<name>.log, or goes where ours goes. A process
    that ends is started again after `restart_wait` seconds, which double with every early death
    in a row up to `restart_wait_max`.
    """

    def __init__(
        self,
        processes: Iterable[ProcessSpec],
        *,
        drain_timeout: float,
        heartbeat: Callable[[], object] | None = None,
        log_dir: Path | None = None,
        restart_wait: float = 0.5,
        restart_wait_max: float = 30.0,
    ) -> None:
        self._drain_timeout = drain_timeout
        self._heartbeat = heartbeat
        self._heartbeat_trouble: str | None = None
        self._children = [
            Child(spec, log_dir, wait=restart_wait, wait_max=restart_wait_max) for spec in processes
        ]
        names = [child.spec.name for child in self._children]
        if len(names) != len(set(names)):
            raise ConfigurationError(f"Two processes have the same name: {', '.join(names)}.")

    def run_forever(self, stop_event: threading.Event) -> list[str]:
        """Run the processes until `stop_event` is set; returns what `stop()` returns."""
        try:
            while not stop_event.is_set():
                self.tick()
                stop_event.wait(TICK)
        finally:
            killed = self.stop()
        return killed

    def tick(self) -> None:
        """Do what is due: call the heartbeat, start what does not run, replace what stalled."""
        self._beat()
        for child in self._children:
            child.tick(min(REPLACE_GRACE, self._drain_timeout))

    def status(self) -> list[ProcessStatus]:
        """How each process is, in the order given."""
        return [child.status() for child in self._children]

    def stop(self, drain_timeout: float | None = None) -> list[str]:
        """End all processes: SIGTERM, after `drain_timeout` seconds SIGKILL to their groups.

        Returns the names of those that had to be killed; again is harmless.
        """
        timeout = self._drain_timeout if drain_timeout is None else drain_timeout
        for child in self._children:
            child.ask_to_end()
        deadline = time.monotonic() + timeout
        while any(child.is_running() for child in self._children) and time.monotonic() < deadline:
            time.sleep(0.02)
        killed = [child for child in self._children if child.is_running()]
        for child in killed:
            log.warning(
                "process.killed", child=child.spec.name, why=f"not ended within {timeout:.0f} s"
            )
            child.kill()
        for child in self._children:
            child.reap()
        return [child.spec.name for child in killed]

    def _beat(self) -> None:
        if self._heartbeat is None:
            return
        trouble = None
        try:
            self._heartbeat()
        except Exception as error:
            trouble = without_passwords(error)
            if trouble != self._heartbeat_trouble:
                log.error("heartbeat.failed", error=trouble)
        self._heartbeat_trouble = trouble
