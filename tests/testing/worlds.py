"""Two worlds that are to look alike to a caller: a real ledger with its daemon, and the fake."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from manager import AsyncManager, Manager
from manager.testing import NOT_FOUND, Answer, FakeAsyncManager, FakeManager
from manager.testing.given import given_settings
from sandbox import companies
from tests.steps.driver import Driver

ACCOUNT = "test"

Told: TypeAlias = tuple[str, str, str, dict[str, int]]
"""An event, whom it was told, its request's id, and how many had which outcome."""


class World(Protocol):
    """A manager, and what happens to what it has enqueued."""

    manager: Manager
    async_manager: AsyncManager

    def settle(self) -> None:
        """All that waits gets its outcome: what the sandbox knows is found, all else is not."""

    def fail(self) -> None:
        """All that waits fails."""

    def advance(self, time: timedelta) -> None:
        """So much time passes."""

    def told(self) -> list[Told]:
        """What the targets of requests were told, or will be."""


class RealWorld:
    """Postgres, Redis, the sandbox, and the daemon's steps in this process."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.manager = driver.manager
        self.async_manager = AsyncManager(driver.context.settings)

    def settle(self) -> None:
        self._driver.settle()

    def fail(self) -> None:
        self._driver.sandbox.fault("submit", "fail_job", times=None)
        self._driver.settle()
        self._driver.sandbox.clear_faults()

    def advance(self, time: timedelta) -> None:
        self._driver.advance(time.total_seconds())

    def told(self) -> list[Told]:
        found = self._driver.rows(
            "SELECT n.event, t.address, n.request_id, n.payload FROM notice n "
            "JOIN target t ON t.id = n.target_id ORDER BY n.created_at, n.request_id, t.address"
        )
        return [(it.event, it.address, str(it.request_id), _counted(it.payload)) for it in found]


class FakeWorld:
    """Nothing but memory."""

    def __init__(self, **settings: Any) -> None:
        self.manager: Manager = FakeManager(given_settings(account=ACCOUNT, **settings))
        assert isinstance(self.manager, FakeManager)
        self._fake = self.manager
        self.async_manager: AsyncManager = FakeAsyncManager(self._fake)

    def settle(self) -> None:
        self._fake.settle(default=as_the_sandbox)

    def fail(self) -> None:
        self._fake.fail()

    def advance(self, time: timedelta) -> None:
        self._fake.advance(time)

    def told(self) -> list[Told]:
        return [
            (it.event, it.target, str(it.request_id), _counted(it.data))
            for it in self._fake.notices
        ]


def _counted(data: Mapping[str, Any]) -> dict[str, int]:
    names = ("fulfilled", "not_found", "failed", "cancelled")
    return {name: data[name] for name in names if data[name]}


def as_the_sandbox(identifier: str) -> Answer:
    """What the sandbox has of it, as far as it says whose it is."""
    types = [it for it in companies.IDENTIFIER_TYPES if it != "crustdata_company_ids"]
    if identifier.isdigit():
        types = ["crustdata_company_ids"]
    for identifier_type in types:
        if found := companies.find(identifier_type, identifier):
            return {"crustdata_company_id": found.id}
    return NOT_FOUND
