"""Runs a command that must not outlive its supervisor, nor leave processes behind.

    python -I -S lifeline.py FD GRACE COMMAND [ARGUMENT ...]

FD is one end of a socket pair whose other end only the supervisor holds. The process that is
started here forks a guard and becomes the command, so pid, signals and exit code are the
command's own. The guard waits for the supervisor's end to close, which is certain to happen
when the supervisor is killed, on any system; no window is left in which it goes unnoticed.
Then it asks the command to end (SIGTERM), kills its whole process group after GRACE seconds,
and dies with it, by which the supervisor, if it still lives, knows that nothing is left.

The guard belongs to the group itself, so the group's number cannot have been given to others.
Run by path and standard library only: it starts in some ten milliseconds, from anywhere.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress


def run(line: int, grace: float, command: list[str]) -> None:
    """Fork the guard, then become the command; returns never."""
    leader = os.getpid()
    os.set_inheritable(line, False)
    if (between := os.fork()) == 0:  # two forks: the command shall have no child it knows not
        if os.fork() == 0:
            guard(line, grace, leader)
        os._exit(0)
    os.waitpid(between, 0)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ignored by Python, not by what follows
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def guard(line: int, grace: float, leader: int) -> None:
    """Wait for the supervisor to let go, then end the group of `leader`, oneself included."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # a reader of the command's output must not wait for us
        os.dup2(null, standard)
    with suppress(OSError):
        os.read(line, 1)
    deadline = time.monotonic() + grace
    with suppress(OSError):  # until it is gone
        os.kill(leader, signal.SIGTERM)
        while time.monotonic() < deadline:
            time.sleep(0.02)
            os.kill(leader, 0)
    os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    run(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
