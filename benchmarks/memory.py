"""The most memory that a piece of work takes, in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

MIB = 2**20


def peak(work: Callable[..., object], *arguments: Any) -> float:
    """The peak resident size, in MiB, of a new process that does the work and nothing else."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_peak_here, work, *arguments).result()


def _peak_here(work: Callable[..., object], *arguments: Any) -> float:
    work(*arguments)
    status = Path("/proc/self/status")
    if status.exists():  # Linux's ru_maxrss remembers the size of the parent, before the exec
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / MIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
