"""Names of workers, such as `enrichd-quick@host`: what a worker does, and where.

Any number of daemons may run on one machine. The second worker of a kind is `enrichd-quick-2`, and
so on: Celery's tools take two of one name for one. A number is free again when its process ends, so
a restarted worker has the name that it had.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from itertools import count
from pathlib import Path

# Kept open for as long as the process lives.
_claimed: list[int] = []


def claim(kinds: list[str], ledger_id: str) -> str:
    """A name for this process, with the host; nobody else on this machine has it.

    kinds: the kinds of queues that it takes from.
    """
    role = f"enrichd-{kinds[0]}" if len(set(kinds)) == 1 else "enrichd-worker"
    host = socket.gethostname()
    try:
        folder = Path(tempfile.gettempdir()) / f"enrichd-names-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in count(1):
            name = role if number == 1 else f"{role}-{number}"
            file = os.open(folder / f"{ledger_id}-{name}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            _claimed.append(file)
            return f"{name}@{host}"
    except OSError:  # no such folder to be had
        pass
    return f"{role}-{os.getpid()}@{host}"
