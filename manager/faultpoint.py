"""Fault points: named points at which a test makes a process of the daemon die, hang or raise.

Each statement, each call of the vendor and each call of Redis has two, `before NAME` and
`after NAME`: `after submit.begin`, `before vendor.submit`, `after semaphore.acquire`,
`before merge.commit`. Each is declared where it is, and to arm one that does not exist is an error.
They are armed by the setting `fault_points` alone; nothing is armed unless a test says so, and then
a point costs one look at an empty name.

A fault is `ACTION[ SECONDS][ @PROBABILITY]`. The actions: `kill` (SIGKILL to the process itself),
`exit` (at once, by `os._exit`), `hang` (for so many seconds) and `raise`.
"""

from __future__ import annotations

import difflib
import logging
import os
import random
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from manager.errors import ConfigurationError

log = logging.getLogger(__name__)

_FAULT = re.compile(r"(kill|exit|hang|raise)(?: (\d+(?:\.\d+)?))?(?: @(\d(?:\.\d+)?))?")


class FaultPointError(Exception):
    """Raised by an armed point; nothing in the code expects it, as nothing expects a bug."""


class _Fault(NamedTuple):
    action: str
    seconds: float
    probability: float


_points: set[str] = set()
_armed: dict[str, _Fault] = {}
_once: Path | None = None


def point(name: str) -> str:
    """Declare a point, where the module that has it is loaded; its name."""
    _points.add(name)
    return name


def points() -> frozenset[str]:
    """Every point that was declared, without `before` and `after`."""
    return frozenset(_points)


def arm(faults: Mapping[str, str], once: Path | None = None) -> None:
    """Arm these points, and no others.

    once: a directory, shared by all processes, in which a point that fired leaves a file named
    after it, and does not fire again. Raises ConfigurationError.
    """
    global _once
    _armed.clear()
    _once = once
    for point, text in faults.items():
        when, _, name = point.partition(" ")
        if when not in ("before", "after") or name not in _points:
            near = difflib.get_close_matches(name, _points, 1)
            raise ConfigurationError(
                f"fault_points: there is no point {point!r}. A point is 'before NAME' or "
                f"'after NAME'" + (f"; {near[0]}?" if near else ".")
            )
        match = _FAULT.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                f"fault_points: {text!r} at {point!r} is not 'kill', 'exit', 'hang SECONDS' or "
                "'raise', with '@PROBABILITY' after it or not."
            )
        action, seconds, probability = match.groups()
        _armed[point] = _Fault(action, float(seconds or 60), float(probability or 1))


def reach(point: str) -> None:
    """Do what is armed at this point; nothing, almost always."""
    if _armed and (fault := _armed.get(point)) and _fires(point, fault):
        _carry_out(point, fault)


@contextmanager
def around(name: str) -> Iterator[None]:
    """The two points around a call: `before NAME`, and `after NAME` when it went well."""
    if not _armed:
        yield
        return
    reach(f"before {name}")
    yield
    reach(f"after {name}")


def _fires(point: str, fault: _Fault) -> bool:
    if random.random() >= fault.probability:  # noqa: S311 - not a secret
        return False
    if _once is None:
        return True
    try:
        (_once / point).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _carry_out(point: str, fault: _Fault) -> None:
    log.warning("fault point %r: %s", point, fault.action)
    match fault.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(70)
        case "hang":
            time.sleep(fault.seconds)
        case _:
            raise FaultPointError(point)
