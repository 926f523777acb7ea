from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manager.run.supervisor import Supervisor

Eventually = Callable[..., bool]


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def supervise(log_dir: Path) -> Iterator[Callable[..., Supervisor]]:
    """Make a Supervisor that restarts at once and is stopped after the test."""
    made: list[Supervisor] = []

    def make(*specs: Any, **options: Any) -> Supervisor:
        defaults = {"drain_timeout": 20.0, "log_dir": log_dir, "restart_wait": 0.01}
        made.append(Supervisor(specs, **{**defaults, **options}))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop(0.0)


@pytest.fixture
def eventually() -> Eventually:
    """Call `step` until the condition holds, at most fifteen seconds."""

    def wait(condition: Callable[[], object], step: Callable[[], object] | None = None) -> bool:
        deadline = time.monotonic() + 15.0
        while not condition():
            if time.monotonic() > deadline:
                return False
            if step is not None:
                step()
            time.sleep(0.02)
        return True

    return wait
