"""Fault points: silent unless armed, and then exact."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager import ConfigurationError, Settings, faultpoint
from manager.faultpoint import FaultPointError
from manager.steps.context import Context
from manager.steps.sweep import sweep

KILLED = """
import sys
from manager import faultpoint
faultpoint.arm({sys.argv[1]: sys.argv[2]})
with faultpoint.around("submit.begin"):
    print("called")
print("survived")
"""


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    faultpoint.arm({})


def run(point: str, fault: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, point, fault]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_nothing_happens_where_nothing_is_armed() -> None:
    faultpoint.arm({"before other": "raise"})
    with faultpoint.around("submit.begin"):
        faultpoint.reach("submit.begin")


def test_kill_is_a_real_sigkill_before_or_after_the_call() -> None:
    before, after = run("before submit.begin", "kill"), run("after submit.begin", "kill")
    assert (before.returncode, before.stdout) == (-signal.SIGKILL, "")
    assert after.returncode == -signal.SIGKILL
    assert "survived" not in after.stdout


def test_exit_skips_every_clean_up() -> None:
    assert run("after submit.begin", "exit").returncode == 70


def test_hang_goes_on_after_its_seconds() -> None:
    assert run("before submit.begin", "hang 0.01").stdout.split() == ["called", "survived"]


def test_a_probability_of_nought_never_fires_and_of_one_always() -> None:
    faultpoint.arm({"never": "raise @0", "always": "raise @1"})
    for _ in range(100):
        faultpoint.reach("never")
    with pytest.raises(FaultPointError, match="always"):
        faultpoint.reach("always")


def test_a_point_fires_once_over_all_processes_that_share_a_directory(tmp_path: Path) -> None:
    faultpoint.arm({"p": "raise"}, once=tmp_path)
    with pytest.raises(FaultPointError):
        faultpoint.reach("p")
    faultpoint.reach("p")
    faultpoint.arm({"p": "raise"}, once=tmp_path)
    faultpoint.reach("p")


def test_a_misspelt_fault_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="'explode' at 'p'"):
        faultpoint.arm({"p": "explode"})


@pytest.mark.integration
@pytest.mark.parametrize("point", ["before sweep.swept", "after sweep.swept"])
def test_every_statement_has_two_points(settings: Settings, point: str) -> None:
    faultpoint.arm({point: "raise"})
    with pytest.raises(FaultPointError, match=point):
        sweep(Context(settings, "test"))


@pytest.mark.integration
def test_redis_calls_have_points(settings: Settings) -> None:
    faultpoint.arm({"before semaphore.rebuild": "raise"})
    with pytest.raises(FaultPointError):
        sweep(Context(settings, "test"))
