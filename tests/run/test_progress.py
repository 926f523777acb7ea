"""For how long a process has not worked, as its supervisor sees it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from manager import Settings
from manager.run import processes
from manager.run.supervisor.child import ProcessSpec

pytestmark = pytest.mark.integration


@pytest.fixture
def quick(settings: Settings, tmp_path: Path) -> ProcessSpec:
    """The worker of the queue quick."""
    return processes.processes(settings, tmp_path, web=False)[0]


def test_it_is_idle_since_it_touched_its_heartbeat(quick: ProcessSpec, tmp_path: Path) -> None:
    assert quick.progress is not None
    file = tmp_path / f"{quick.name}.heartbeat"
    file.touch()
    os.utime(file, (time.time() - 500,) * 2)
    assert 499 < (quick.progress() or 0) < 530
    file.touch()
    assert (quick.progress() or 0) < 30


def test_one_that_has_never_worked_counts_from_its_start(quick: ProcessSpec) -> None:
    assert quick.progress is not None
    idle = quick.progress()
    assert idle is not None, "else one that hangs before its first task is never replaced"
    assert idle > 1e6, "it is cut to how long the process runs"
