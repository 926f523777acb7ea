"""What the tests of actions have in common: to act, and to have something to act on."""

from __future__ import annotations

from typing import Any

from manager import Request
from manager.operator.actions import Actor, Choice, ChosenAccount, Done, Preview, perform, preview
from manager.operator.chosen import choose
from tests.steps.driver import MISCOUNTED, Driver
from tests.steps.years import assert_counted

OPERATOR = Actor("ada", "cli", "a test")


def chosen(action: str, given: dict[str, str]) -> Choice:
    """What an action is about, as a URL's query says it."""
    kind: Any = action.partition(".")[0]
    return ChosenAccount(given["account"]) if kind == "account" else choose(kind, given)


def act(driver: Driver, action: str, given: dict[str, str] | None = None, **values: Any) -> Done:
    """Do it to what is chosen; all of the kind by default."""
    return perform(driver.context, action, chosen(action, given or {}), values, OPERATOR)


def look(
    driver: Driver, action: str, given: dict[str, str] | None = None, **values: Any
) -> Preview:
    """What it would do."""
    return preview(driver.context, action, chosen(action, given or {}), values)


def failed(driver: Driver, count: int = 4, **arguments: Any) -> Request:
    """A request of which all has failed: its job never ended, and was given up."""
    driver.sandbox.fault("submit", "never_ends")
    request = driver.enqueue(count, **arguments)
    job_id = driver.accepted()
    driver.give_up(job_id)
    assert request.progress().failed == count
    return request


def fulfilled(driver: Driver, count: int = 4, **arguments: Any) -> Request:
    """A request whose identifiers are all found."""
    request = driver.enqueue(count, **arguments)
    driver.drain()
    assert request.progress().fulfilled == count
    return request


def assert_true(driver: Driver) -> None:
    """The requests' counters and the account's say what is so."""
    assert driver.rows(MISCOUNTED) == []
    assert_counted(driver)


def outcomes(request: Request) -> list[str | None]:
    """How each of its identifiers has ended."""
    return [None if it.outcome is None else str(it.outcome) for it in request.results()]
