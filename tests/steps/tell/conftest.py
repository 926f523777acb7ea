"""A ledger whose account has a target, and the step that tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.rows import namedtuple_row
from pydantic import SecretStr

from manager import Manager, Settings
from manager.ledger.connect import Ledger
from manager.steps.account import Account
from manager.steps.context import Context, Wake
from manager.steps.notices import note
from manager.steps.tell import tell
from tests.steps.tell.receiver import Receiver

SECRET = "whsec_" + "c2VjcmV0" * 4


class Telling:
    """The step `tell`, and what a test wants to know of its ledger."""

    def __init__(self, settings: Settings) -> None:
        self.context = Context(settings, "test")
        self.account: Account = self.context.account(settings.account)
        self.manager = Manager(settings)
        self._ledger = Ledger(settings, "looking")

    def close(self) -> None:
        self.context.close()
        self.manager.close()

    def tell(self) -> list[Wake]:
        """Once."""
        return tell(self.context, self.account)

    def keep_telling(self, times: int = 50) -> None:
        """Until nothing waits, however long it would have to."""
        for _ in range(times):
            self.hasten()
            self.tell()
            if not self.rows("SELECT FROM notice WHERE state = 'waiting'"):
                return

    def note(self, number: int = 0, **arguments: Any) -> int:
        """Something happens that the account's targets are told."""
        payload = {"number": number}
        with self._ledger.connect() as connection:
            return note(connection, "budget.reached", self.account.id, None, payload, **arguments)

    def settle(self, request_id: Any, count: int) -> None:
        """So many more of a request's identifiers have an outcome."""
        self.execute(
            "UPDATE request SET fulfilled = fulfilled + %(count)s, finished_at = CASE WHEN "
            "fulfilled + not_found + failed + cancelled + %(count)s = total THEN now() END "
            "WHERE id = %(id)s",
            id=request_id,
            count=count,
        )

    def hasten(self) -> None:
        """Let what waits to be tried again be due."""
        self.execute("UPDATE notice SET due_at = now() WHERE state = 'waiting'")
        self.execute("UPDATE target SET retry_at = NULL")

    def age(self, seconds: float) -> None:
        """Let all that there is be that much longer ago."""
        self.execute(
            "UPDATE notice SET created_at = created_at - make_interval(secs => %(s)s), "
            "leased_until = leased_until - make_interval(secs => %(s)s), "
            "ended_at = ended_at - make_interval(secs => %(s)s)",
            s=seconds,
        )
        self.execute(
            "UPDATE target SET failing_since = failing_since - make_interval(secs => %(s)s)",
            s=seconds,
        )

    def execute(self, sql: str, **parameters: Any) -> None:
        with self._ledger.connect() as connection:
            connection.execute(sql.encode(), parameters)

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        with (
            self._ledger.connect() as connection,
            connection.cursor(row_factory=namedtuple_row) as cursor,
        ):
            return cursor.execute(sql.encode(), parameters).fetchall()

    @property
    def notices(self) -> list[Any]:
        return self.rows("SELECT * FROM notice ORDER BY position")

    @property
    def states(self) -> list[str]:
        return [it.state for it in self.notices]

    @property
    def target(self) -> Any:
        [only] = self.rows("SELECT * FROM target")
        return only


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def told(settings: Settings) -> dict[str, Any]:
    """Settings of those who tell."""
    return {
        "notify_allow": ["127.0.0.1"],
        "notify_secrets": {"default": [SecretStr(SECRET)]},
        "notify_brokers": {},
        "notify_timeout": 1.0,
        "notify_backoff_base": 30.0,
        "notify_backoff_max": 3600.0,
    }


@pytest.fixture
def telling(settings: Settings, told: dict[str, Any], receiver: Receiver) -> Iterator[Telling]:
    """One whose account tells the receiver everything."""
    made = Telling(settings.model_copy(update=told | {"notify": [receiver.url]}))
    made.tell()
    yield made
    made.close()
