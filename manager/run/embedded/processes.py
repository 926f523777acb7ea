"""Find and end the server processes of a data directory; as a script, the watchdog.

Every server carries a marker made from its data directory in its command line. That is
proof against reused pids and lost pid files, and readable even where root may not look into
other users' processes (an ordinary container).

The script ties servers to the life of the process that started it: when that one ends, in
whatever way, the servers are ended and the data directory is removed. It is started by path,
so that it depends on nothing but psutil.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

with suppress(ImportError):  # an optional extra; binaries.locate() says so in words
    import psutil

PROGRAMS = {"postgres", "initdb", "valkey-server"}
KILL_TIMEOUT = 10.0


def find(marker: str) -> list[psutil.Process]:
    """Live server processes whose command line holds `marker`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() in PROGRAMS and any(marker in word for word in process.cmdline()):
                found.append(process)
    return found


def leaders(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that no other one started: the postmaster without its backends."""
    pids = {process.pid for process in processes}
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if process.ppid() not in pids:
                found.append(process)
    return found


def is_alive(process: psutil.Process) -> bool:
    """Whether the very same process still runs; one that only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(marker: str, grace: float) -> bool:
    """Shut the servers down cleanly, kill them after `grace` seconds; False when any is left."""
    asked: set[psutil.Process] = set()
    give_up = time.monotonic() + grace
    while running := find(marker):
        now = time.monotonic()
        if now > give_up + KILL_TIMEOUT:
            return False
        for process in running if now > give_up else leaders(running):
            with suppress(psutil.Error):
                if now > give_up:
                    process.kill()
                elif process not in asked:
                    asked.add(process)
                    # SIGINT is Postgres's fast shutdown; SIGTERM would wait for its clients.
                    process.send_signal(_shutdown_signal(process))
        psutil.wait_procs(running, timeout=0.5)
    return True


def remove(data_dir: Path, marker: str) -> None:
    """End the servers and remove their data directory, though one may just be starting."""
    for _ in range(50):
        end(marker, grace=10.0)
        shutil.rmtree(data_dir, ignore_errors=True)
        if not data_dir.exists():
            return
        time.sleep(0.1)


def watch(owner: int, data_dir: Path, marker: str) -> None:
    """Wait until process `owner`, our parent, is gone; then remove what it left.

    Standard input is a pipe that only the owner holds. A child that the owner forked may hold
    it too, hence the look at our parent.
    """
    os.chdir("/")
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    while os.getppid() == owner and not select.select([0], [], [], 1.0)[0]:
        pass
    remove(data_dir, marker)


def _shutdown_signal(process: psutil.Process) -> signal.Signals:
    return signal.SIGINT if process.name() == "postgres" else signal.SIGTERM


if __name__ == "__main__":
    watch(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
