"""Whose idleness is held against whom: a worker waits for beat, and everybody for Redis."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from manager import Settings
from manager.run import processes

pytestmark = pytest.mark.integration


def idle(settings: Settings, run_dir: Path, **ago: float) -> dict[str, float | None]:
    """What the supervisor takes each process's idleness for. ago: when each has worked last."""
    specs = processes.processes(settings, run_dir, web=False)
    for spec in specs:
        file = run_dir / f"{spec.name}.heartbeat"
        file.touch()
        at = time.time() - ago.get(spec.name.replace("-", "_"), 0.0)
        os.utime(file, (at, at))
    return {spec.name: spec.progress() for spec in specs if spec.progress}


def test_a_worker_that_takes_no_wake_ups_is_idle(settings: Settings, tmp_path: Path) -> None:
    found = idle(settings, tmp_path, worker_quick=500)
    assert 499 < (found["worker-quick"] or 0) < 520
    assert (found["worker-merge"] or 0) < 20


def test_workers_are_not_to_blame_for_a_beat_that_hangs(settings: Settings, tmp_path: Path) -> None:
    found = idle(settings, tmp_path, beat=500, worker_quick=500, worker_merge=500, worker_tell=500)
    assert 499 < (found.pop("beat") or 0) < 520
    assert set(found.values()) == {None}


def test_workers_have_nothing_to_do_before_beat_was_at_work(
    settings: Settings, tmp_path: Path
) -> None:
    [quick, *_] = processes.processes(settings, tmp_path, web=False)
    (tmp_path / "worker-quick.heartbeat").touch()
    assert quick.progress is not None
    assert quick.progress() is None
