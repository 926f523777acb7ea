"""Estimate: what an enqueue would do, seen against what it then does; and nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from manager import (
    AsyncManager,
    ConfigurationError,
    Estimate,
    InvalidRequestError,
    Manager,
    Settings,
)
from manager.client import estimate as module
from tests.steps.driver import Driver, domains

pytestmark = pytest.mark.integration


def kinds(it: Estimate) -> dict[str, int]:
    """The counts that are not 0."""
    names = ("new", "stale", "unsuccessful", "pending", "in_job", "fresh", "duplicates", "missing")
    return {name: getattr(it, name) for name in names if getattr(it, name)}


def test_each_identifier_is_counted_as_what_would_become_of_it(
    driver: Driver, settings: Settings
) -> None:
    manager = Manager(settings)
    driver.enqueue(3)  # 0, 1, 2
    driver.drain()
    driver.packed(2, first=3)  # 3, 4
    driver.enqueue(1, first=5)
    driver.enqueue(1, first=6).cancel()
    call = [*domains(9), "COMPANY-0000008.example", None, float("nan"), "", "no domain"]
    before = driver.value("SELECT count(*) FROM enrichment")
    it = manager.estimate("domains", call)
    assert kinds(it) == {
        "fresh": 3,
        "in_job": 2,
        "pending": 1,
        "unsuccessful": 1,
        "new": 2,
        "duplicates": 1,
        "missing": 3,
    }
    assert (it.total, it.to_buy, it.joined, it.jobs) == (14, 3, 3, 1)
    assert [bad.position for bad in it.invalid] == [10, 11, 12, 13]
    assert it.seconds is not None, "jobs like it have been seen"
    assert it.oldest is not None
    assert it.newest is not None
    assert it.oldest <= it.newest
    assert driver.value("SELECT count(*) FROM enrichment") == before
    bought = manager.enqueue("domains", call, on_invalid="skip")
    assert driver.states()["pending"] == it.to_buy + it.pending
    assert bought.total == it.total - len(it.invalid)


def test_what_is_too_old_would_be_bought_again(driver: Driver, settings: Settings) -> None:
    driver.enqueue(2)
    driver.drain()
    it = Manager(settings).estimate("domains", domains(2), max_age=timedelta(0))
    assert kinds(it) == {"stale": 2}
    assert it.to_buy == 2


def test_another_field_selection_is_another_purchase(driver: Driver, settings: Settings) -> None:
    driver.enqueue(2)
    it = Manager(settings).estimate("domains", domains(2), fields=["headcount.total"])
    assert kinds(it) == {"new": 2}
    assert (it.jobs, it.seconds) == (1, None)


def test_repeats_are_found_however_far_apart(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    it = Manager(settings).estimate("domains", [*domains(5), *domains(5)])
    assert kinds(it) == {"new": 5, "duplicates": 5}


def test_nothing_handed_over_buys_nothing(settings: Settings) -> None:
    it = Manager(settings).estimate("domains", [])
    assert (it.total, it.to_buy, it.jobs, it.seconds) == (0, 0, 0, 0.0)


def test_asyncio_gives_the_same(settings: Settings) -> None:
    async def call() -> Estimate:
        return await AsyncManager(settings).estimate("domains", domains(2))

    assert asyncio.run(call()) == Manager(settings).estimate("domains", domains(2))


def test_an_unknown_account_and_what_is_no_column_are_refused(settings: Settings) -> None:
    manager = Manager(settings)
    with pytest.raises(ConfigurationError, match="no account named 'nobody'"):
        manager.estimate("domains", domains(1), account="nobody")
    no_column: Iterable[object] = {"a.com": 1}
    with pytest.raises(InvalidRequestError, match="not dict"):
        manager.estimate("domains", no_column)
