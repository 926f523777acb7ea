"""Processes that end with the one that started them, however it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from manager.run.supervisor import lifeline

ROOT = Path(__file__).parents[2]


def start_guarded(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process that ends with us, however we end, or when the socket is closed.

    Its modules are those of this checkout.
    """
    ours, theirs = socket.socketpair()
    guarded = [sys.executable, "-I", "-S", lifeline.__file__, str(theirs.fileno()), "0", *command]
    environment = dict(os.environ if environment is None else environment)
    environment["PYTHONPATH"] = str(ROOT)
    with theirs, log.open("ab") as output:
        process = subprocess.Popen(
            guarded,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return process, ours
