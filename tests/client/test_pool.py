"""A manager's own connections: kept, replaced, bounded; forks, threads and event loops apart."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from manager import AsyncManager, Manager, Settings, UnavailableError
from manager.client import pool
from manager.client.enqueue import BATCH
from tests.steps.patience import until

pytestmark = pytest.mark.integration

OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'enrichd:api%'"
CATALOGS = """
SELECT sum(pg_relation_size(oid)) FROM pg_class
WHERE relname IN ('pg_class', 'pg_attribute', 'pg_depend', 'pg_type', 'pg_index', 'pg_shdepend')
"""


@pytest.fixture
def manager(settings: Settings) -> Iterator[Manager]:
    with Manager(settings) as made:
        yield made


@pytest.fixture
def look(settings: Settings) -> Iterator[Callable[[str], list[Any]]]:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        yield lambda query: [row[0] for row in connection.execute(query.encode()).fetchall()]


def test_calls_share_a_connection_until_it_is_closed(
    manager: Manager, look: Callable[[str], list[Any]]
) -> None:
    request = manager.enqueue("domains", ["a.com"])
    first = look(OURS)
    request.progress()
    list(request.results())
    assert look(OURS) == first
    assert len(first) == 1
    manager.close()
    until(lambda: not look(OURS))
    assert request.progress().total == 1


def test_small_calls_leave_no_mark_in_the_catalogs(
    manager: Manager, look: Callable[[str], list[Any]]
) -> None:
    def calls(thread: int) -> None:
        for number in range(60):
            manager.enqueue("domains", [f"c-{thread}-{number}.example"])

    manager.enqueue("domains", [f"d-{number}.example" for number in range(BATCH)])
    before = look(CATALOGS)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(calls, range(8)))
    manager.enqueue("domains", [f"e-{number}.example" for number in range(BATCH)])
    assert look(CATALOGS) == before
    assert len(look(OURS)) <= 8


@pytest.mark.parametrize("count", [1, 3])
def test_connections_that_the_server_has_closed_are_replaced_unseen(
    manager: Manager, look: Callable[[str], list[Any]], count: int
) -> None:
    with ThreadPoolExecutor(count) as threads:
        barrier = threading.Barrier(count)

        def call(number: int) -> None:
            def values() -> Iterator[str]:
                yield from (f"c-{number}-{each}.example" for each in range(BATCH + 1))
                barrier.wait(30)

            manager.enqueue("domains", values())

        list(threads.map(call, range(count)))
    assert len(look(OURS)) == count
    look(f"SELECT pg_terminate_backend(pid, 10000) FROM ({OURS}) ours")
    assert manager.enqueue("domains", ["a.com"]).progress().total == 1


def test_one_whose_loss_shows_only_when_its_transaction_begins_is_replaced_too(
    manager: Manager, look: Callable[[str], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.enqueue("domains", ["a.com"])
    monkeypatch.setattr(pool, "_is_sound", lambda connection: not connection.closed)
    look(f"SELECT pg_terminate_backend(pid, 10000) FROM ({OURS}) ours")
    assert manager.enqueue("domains", ["b.com"]).progress().total == 1


def test_a_connection_that_is_lost_in_the_middle_is_said(
    manager: Manager, look: Callable[[str], list[Any]]
) -> None:
    def values() -> Iterator[str]:
        yield from (f"c-{number}.example" for number in range(BATCH + 1))
        look(f"SELECT pg_terminate_backend(pid, 10000) FROM ({OURS}) ours")

    with pytest.raises(UnavailableError, match="Nothing was done; repeat the call"):
        manager.enqueue("domains", values())
    manager.enqueue("domains", ["b.com"])


def test_no_more_connections_than_the_setting_says(
    settings: Settings, look: Callable[[str], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Manager(settings.model_copy(update={"pool_size": 2})) as manager:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: manager.enqueue("domains", [f"{n}.com"]), range(50)))
        assert len(look(OURS)) <= 2
    monkeypatch.setattr(pool, "PATIENCE", 0.1)
    with Manager(settings.model_copy(update={"pool_size": 1})) as manager:

        def values() -> Iterator[str]:
            yield from (f"c-{number}.example" for number in range(BATCH + 1))
            manager.enqueue("domains", ["another.com"])

        with pytest.raises(UnavailableError, match="Raise pool_size"):
            manager.enqueue("domains", values())
        manager.enqueue("domains", ["a.com"])


def test_a_forked_child_has_connections_of_its_own(
    manager: Manager, look: Callable[[str], list[Any]]
) -> None:
    request = manager.enqueue("domains", ["a.com"])
    before = look(OURS)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                manager.enqueue("domains", ["b.com"])
                manager.close()
                del manager
                gc.collect()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
    assert request.progress().total == 1
    assert look(OURS) == before


def test_an_async_manager_serves_several_event_loops_and_threads(
    settings: Settings, look: Callable[[str], list[Any]]
) -> None:
    managers = [AsyncManager(settings)]

    async def call() -> int:
        [manager] = managers
        calls = (manager.enqueue("domains", [f"{number}.com"]) for number in range(12))
        return sum([request.total for request in await asyncio.gather(*calls)])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(call()) == 12
        assert asyncio.run(call()) == 12
        assert len(look(OURS)) <= settings.pool_size
        with ThreadPoolExecutor(3) as threads:
            assert list(threads.map(lambda _: asyncio.run(call()), range(3))) == [12] * 3
        managers.clear()
        gc.collect()
    until(lambda: not look(OURS))


def test_a_forgotten_manager_closes_its_connections_and_warns_nobody(
    settings: Settings, look: Callable[[str], list[Any]]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Manager(settings).enqueue("domains", ["a.com"])
        gc.collect()
    until(lambda: not look(OURS))


def test_an_interpreter_ends_at_once_and_in_silence(settings: Settings) -> None:
    program = """
import asyncio, sys, threading
from manager import AsyncManager, Manager
kept, awaited = Manager(), AsyncManager()
kept.enqueue("domains", ["a.com"])
asyncio.run(awaited.enqueue("domains", ["a.com"]))
print(threading.active_count())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        env=os.environ
        | {
            "ENRICHD_DATABASE_URL": settings.postgres,
            "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
            "ENRICHD_ACCOUNT": settings.account,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_a_copy_has_connections_of_its_own(manager: Manager) -> None:
    manager.enqueue("domains", ["a.com"])
    for other in (copy.copy(manager), pickle.loads(pickle.dumps(manager))):
        with other:
            assert other.enqueue("domains", ["a.com"]).total == 1
