"""The sandbox as a process of its own, which ends with this one, however this one ends.

A project may have a module `sandbox` of its own, and keeps it: ours is never imported here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import manager
from manager.errors import UnavailableError
from manager.run.processes import SANDBOX_KEY, sandbox_process
from manager.run.supervisor.child import Child

if TYPE_CHECKING:
    from sandbox import SandboxControl

CONTROL = Path(manager.__file__).parents[1] / "sandbox" / "control.py"
# A job takes 11 seconds of the sandbox's clock; whom it knows, it knows always.
SETTINGS = {
    "frozen": "true",
    "pending-seconds": "1",
    "processing-seconds": "10",
    "unresolved-share": "0",
    "calls-per-minute": "100000",
}
SERVES = re.compile(r"sandbox serves at (\S+)")
STARTS_WITHIN = 60.0


@contextmanager
def running_sandbox(directory: Path) -> Iterator[SandboxControl]:
    """A sandbox on a free port, and the control of it. Raises UnavailableError."""
    options = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
    spec = sandbox_process(0, directory / "sandbox", *options)
    child = Child(spec, directory, wait=1, wait_max=1)
    child.tick(0)
    try:
        with _control(_url(child, directory / "sandbox.log")) as control:
            yield control
    finally:
        child.kill()
        child.reap()


def _url(child: Child, log: Path) -> str:
    """Where it serves, as soon as it does."""
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        running = child.is_running()
        written = log.read_text()
        if found := SERVES.search(written):
            return found[1]
        if not running or time.monotonic() > deadline:
            raise UnavailableError(f"The sandbox does not start; its log {log}:\n{written}")
        time.sleep(0.01)


def _control(url: str) -> SandboxControl:
    spec = spec_from_file_location("pytest_enrichd.sandbox_control", CONTROL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    made: SandboxControl = module.SandboxControl(url, SANDBOX_KEY)
    return made
