"""A process that has died is told of for a while, though another is at work in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from manager.operator.problems import Problem
from manager.operator.status import status
from manager.run.presence import presence
from manager.run.supervisor import ProcessStatus
from manager.run.supervisor.child import HUNG
from manager.semaphore import Presences
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def known(driver: Driver) -> Iterator[Presences]:
    driver.sweep()
    yield (known := Presences(driver.context.redis, driver.context.ledger_id))
    for seen in known.seen():
        known.gone(seen.presence)


def restarted(
    driver: Driver, known: Presences, how: str | None, *, ago: float = 5, times: int = 1
) -> list[Problem]:
    child = ProcessStatus("worker-quick", os.getpid(), ago, times, how)
    began = time.time() - ago
    known.note(
        presence(
            driver.context.settings, "worker", child.name, os.getpid(), began, ("quick",), child
        )
    )
    return [it for it in status(driver.context).warnings if it.code == "process-restarted"]


def test_a_worker_that_was_killed_is_a_warning_that_names_it_and_when(
    driver: Driver, known: Presences
) -> None:
    [told] = restarted(driver, known, "SIGKILL")
    assert told.text.startswith("worker-quick on ")
    assert "was killed (SIGKILL), by somebody or for want of memory, and was started" in told.text
    assert told.account is None
    assert "Nothing need be done" in told.way_out


def test_one_that_its_supervisor_has_ended_was_killed_by_nobody_else(
    driver: Driver, known: Presences
) -> None:
    [told] = restarted(driver, known, HUNG)
    assert "hung, was ended by its supervisor, and was started again" in told.text
    assert "SIGKILL" not in told.text


def test_how_often_is_told_of_one_that_dies_again_and_again(
    driver: Driver, known: Presences
) -> None:
    [told] = restarted(driver, known, "exit code 1", times=4)
    assert "ended (exit code 1)" in told.text
    assert "4 times since its supervisor began" in told.text


@pytest.mark.parametrize(
    ("how", "ago", "times"),
    [("SIGKILL", 700, 1), ("exit code 0", 5, 1), (None, 5, 0)],
    ids=["long ago", "as it was asked to", "never"],
)
def test_it_is_not_told_of_one_that_ended(
    driver: Driver, known: Presences, how: str | None, ago: float, times: int
) -> None:
    assert restarted(driver, known, how, ago=ago, times=times) == []
