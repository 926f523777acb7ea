"""The callers' side through a real PgBouncer in transaction mode, and while Postgres is away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from manager import AsyncManager, Manager, Progress, Settings
from manager.client.enqueue import BATCH
from manager.ledger import migrate
from tests.foreign.main_job import at
from tests.foreign.pgbouncer import PgBouncer
from tests.foreign.postgres import ForeignPostgres
from tests.steps.patience import until

pytestmark = pytest.mark.integration

Pooler = Callable[..., PgBouncer]
LARGE = [f"company-{number}.example" for number in range(BATCH + 1)]


@pytest.fixture
def direct(postgres: ForeignPostgres, settings: Settings) -> Settings:
    made = at(settings, postgres.url(postgres.database()))
    migrate.upgrade(made)
    return made


@pytest.fixture
def pooled(direct: Settings, postgres: ForeignPostgres, pgbouncer: Pooler) -> Settings:
    """Two backends for all, in transaction mode."""
    database = direct.postgres.rpartition("/")[2]
    pooler = pgbouncer(postgres, "transaction", default_pool_size="2")
    return at(direct, pooler.url(database))


def test_in_transaction_mode_threads_share_backends_and_nothing_is_left_in_them(
    direct: Settings, pooled: Settings
) -> None:
    with Manager(pooled) as manager:

        def calls(thread: int) -> None:
            for number in range(15):
                manager.enqueue("names", [f"社 {thread} {number}"]).progress()

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(calls, range(6)))
        large = manager.enqueue("domains", LARGE)
        assert sum(1 for _ in large.results()) == len(LARGE)
        assert large.cancel().cancelled == len(LARGE)
    with psycopg.connect(pooled.postgres) as other:
        found = other.execute(
            "SELECT current_setting('search_path'), current_setting('lock_timeout'),"
            " (SELECT count(*) FROM pg_prepared_statements),"
            " (SELECT count(*) FROM pg_listening_channels())"
        ).fetchone()
    assert found == ('"$user", public', "0", 0, 0)


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
@pytest.mark.parametrize("count", [1, len(LARGE)])
def test_in_transaction_mode_a_callers_own_connection_works(
    pooled: Settings, encoding: str, count: int
) -> None:
    manager = Manager(pooled)
    with psycopg.connect(
        pooled.postgres, prepare_threshold=None, client_encoding=encoding
    ) as connection:
        for number in range(7):
            names = [f"社 {number}", *LARGE[: count - 1]]
            request = manager.enqueue("names", names, connection=connection)
            connection.commit()
            assert manager.request(request.id).total == count
        assert connection.execute("SHOW client_encoding").fetchone() == (encoding,)
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
    manager.close()


def sync_wait(settings: Settings, request_id: Any) -> Progress:
    with Manager(settings) as manager:
        return manager.request(request_id).wait(60)


def async_wait(settings: Settings, request_id: Any) -> Progress:
    async def story() -> Progress:
        async with AsyncManager(settings) as manager:
            return await (await manager.request(request_id)).wait(60)

    return asyncio.run(story())


WAITS = [sync_wait, async_wait]


class Waiting:
    """A wait in a thread of its own."""

    def __init__(self, wait: Callable[..., Progress], settings: Settings, request_id: Any) -> None:
        self.seen: list[Progress] = []
        self._thread = threading.Thread(
            target=lambda: self.seen.append(wait(settings, request_id)), daemon=True
        )
        self._thread.start()

    def ends(self) -> bool:
        """Whether it ends within seconds."""
        self._thread.join(20)
        return [it.cancelled for it in self.seen] == [1]


@pytest.mark.parametrize("wait", WAITS)
def test_in_transaction_mode_a_wait_looks_again_and_listens_to_nothing(
    direct: Settings, pooled: Settings, wait: Callable[..., Progress]
) -> None:
    request = Manager(direct).enqueue("domains", ["a.com"])
    waiting = Waiting(wait, pooled, request.id)
    with psycopg.connect(direct.postgres, autocommit=True) as look:
        looks = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%request%%' AND pid <> %s"
        until(lambda: look.execute(looks, [look.info.backend_pid]).fetchone())
    request.cancel()
    assert waiting.ends()


@pytest.fixture
def server() -> Iterator[ForeignPostgres]:
    """One to be stopped."""
    made = ForeignPostgres.made(15)
    made.start()
    yield made
    made.remove()


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_goes_on_after_a_restart_and_a_manager_does_not_see_it(
    server: ForeignPostgres, settings: Settings, wait: Callable[..., Progress]
) -> None:
    there = at(settings, server.url())
    migrate.upgrade(there)
    with Manager(there) as manager:
        request = manager.enqueue("domains", ["a.com"])
        waiting = Waiting(wait, there, request.id)
        until(lambda: _listeners(server))
        server.restart()
        assert request.progress().waiting == 1
        until(lambda: _listeners(server))
        request.cancel()
        assert waiting.ends()


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_goes_on_at_the_standby_that_is_promoted(
    server: ForeignPostgres, settings: Settings, wait: Callable[..., Progress]
) -> None:
    migrate.upgrade(at(settings, server.url()))
    request = Manager(at(settings, server.url())).enqueue("domains", ["a.com"])
    standby = server.standby()
    try:
        hosts = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
        both = at(settings, f"postgresql://postgres@{hosts}/postgres")
        waiting = Waiting(wait, both, request.id)
        until(lambda: _listeners(server))
        until(lambda: _has(standby, request.id))
        server.stop()
        standby.execute("SELECT pg_promote()")
        until(lambda: _listeners(standby))
        with Manager(both) as manager:
            manager.request(request.id).cancel()
        assert waiting.ends()
    finally:
        standby.remove()


def _listeners(server: ForeignPostgres) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with psycopg.connect(server.url()) as look:
        return look.execute(query).fetchone() is not None


def _has(server: ForeignPostgres, request_id: Any) -> bool:
    with psycopg.connect(server.url()) as look:
        query = "SELECT 1 FROM test.request WHERE id = %s"
        return look.execute(query, [request_id]).fetchone() is not None
