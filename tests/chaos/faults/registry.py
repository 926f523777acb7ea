"""What a fault is, and what all of them use."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from tests.chaos.world import World

Fault = Callable[[World, random.Random], None]
"""Does it, waits as long as it lasts, and undoes it."""

FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    """Register it under its name."""
    FAULTS[function.__name__] = function
    return function


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """SIGSTOP to them for the block."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.resume()
