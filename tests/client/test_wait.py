"""A wait goes on through whatever happens to Postgres, until its own time-out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from manager import AsyncManager, Manager, Progress, Settings, UnavailableError, WaitTimeoutError
from tests.steps.patience import until

pytestmark = pytest.mark.integration

LISTENING = """
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE 'enrichd:api%' AND query LIKE '%LISTEN%'
"""
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'enrichd:api%'"


def sync_wait(settings: Settings, request_id: Any, timeout: float | None) -> Progress:
    with Manager(settings) as manager:
        return manager.request(request_id).wait(timeout)


def async_wait(settings: Settings, request_id: Any, timeout: float | None) -> Progress:
    async def story() -> Progress:
        async with AsyncManager(settings) as manager:
            return await (await manager.request(request_id)).wait(timeout)

    return asyncio.run(story())


@pytest.fixture
def look(settings: Settings) -> Iterator[Callable[[str], list[Any]]]:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        yield lambda query: [row[0] for row in connection.execute(query.encode()).fetchall()]


@pytest.mark.parametrize("wait", [sync_wait, async_wait])
def test_it_goes_on_after_its_connections_are_ended(
    settings: Settings, look: Callable[[str], list[Any]], wait: Callable[..., Progress]
) -> None:
    request = Manager(settings).enqueue("domains", ["a.com"])
    seen: list[Progress] = []
    waiting = threading.Thread(target=lambda: seen.append(wait(settings, request.id, 60)))
    waiting.start()
    for _ in range(2):
        until(lambda: look(LISTENING))
        look(f"SELECT pg_terminate_backend(pid, 10000) FROM ({OURS}) ours")
    until(lambda: look(LISTENING))
    request.cancel()
    waiting.join(30)
    assert [it.cancelled for it in seen] == [1]


@pytest.mark.parametrize("wait", [sync_wait, async_wait])
def test_it_ends_at_once_when_the_request_does(
    settings: Settings,
    look: Callable[[str], list[Any]],
    wait: Callable[..., Progress],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("manager.client.patience.RECHECK", 60.0)
    request = Manager(settings).enqueue("domains", ["a.com"])
    waiting = threading.Thread(target=lambda: wait(settings, request.id, 60))
    waiting.start()
    until(lambda: look(LISTENING))
    request.cancel()
    waiting.join(30)
    assert not waiting.is_alive()


def test_it_does_not_outlast_its_time_out_while_postgres_is_away(settings: Settings) -> None:
    request = Manager(settings).enqueue("domains", ["a.com"])
    nowhere = settings.model_copy(
        update={"database_url": SecretStr("postgresql://me:hunter2@127.0.0.1:1/nowhere")}
    )
    request._manager = Manager(nowhere)
    began = time.monotonic()
    with pytest.raises(
        WaitTimeoutError, match=r"127\.0\.0\.1:1/nowhere cannot be reached"
    ) as error:
        request.wait(timeout=0.5)
    assert time.monotonic() - began < 20
    assert "hunter2" not in str(error.value)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1/nowhere"):
        request.progress()
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1/nowhere"):
        next(request.results())


def test_it_goes_on_after_trouble_with_names(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Manager(settings).enqueue("domains", ["a.com"])
    request.cancel()
    real = psycopg.Connection.connect.__func__  # type: ignore[attr-defined]
    failures = [
        "failed to resolve host 'db.internal': [Errno -3] Temporary failure in name resolution",
        "connection failed: the database system is starting up",
    ]

    def connect(cls: Any, *arguments: Any, **others: Any) -> Any:
        if failures:
            raise psycopg.OperationalError(failures.pop())
        return real(cls, *arguments, **others)

    monkeypatch.setattr(psycopg.Connection, "connect", classmethod(connect))
    monkeypatch.setattr(psycopg, "connect", psycopg.Connection.connect)
    assert request.wait(timeout=30).finished
    assert failures == []
