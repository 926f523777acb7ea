"""What another transaction holds is waited for as long as `lock_timeout` says; then it is named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from manager import AsyncManager, LockTimeoutError, Manager, Settings, UnavailableError

pytestmark = pytest.mark.integration


@pytest.fixture
def hasty(settings: Settings) -> Settings:
    return settings.model_copy(update={"lock_timeout": 0.3})


@pytest.fixture
def holder(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """Has enqueued and does not commit."""
    Manager(settings).enqueue("domains", ["known.com"])
    with psycopg.connect(settings.postgres, application_name="their shop") as connection:
        Manager(settings).enqueue("domains", ["new.com", "known.com"], connection=connection)
        yield connection
        connection.rollback()


@pytest.mark.parametrize("domain", ["new.com", "known.com"])
def test_who_holds_an_identifier_and_since_when_is_said(
    hasty: Settings, holder: psycopg.Connection[Any], domain: str
) -> None:
    manager = Manager(hasty)
    with pytest.raises(LockTimeoutError) as error:
        manager.enqueue("domains", [domain])
    assert isinstance(error.value, UnavailableError)
    told = str(error.value)
    assert "waited for it for 0.3 seconds (lock_timeout)" in told
    assert f"pid {holder.info.backend_pid} (their shop) of role postgres from 127.0.0.1" in told
    assert " UTC, idle in transaction" in told
    holder.commit()
    assert manager.enqueue("domains", [domain]).created


def test_who_holds_an_idempotency_key_a_new_lane_or_a_request_is_said(
    settings: Settings, hasty: Settings
) -> None:
    manager = Manager(hasty)
    request = manager.enqueue("domains", ["a.com"])
    with psycopg.connect(settings.postgres) as holder:
        his = f"pid {holder.info.backend_pid}"
        manager.enqueue("domains", ["b.com"], idempotency_key="key", connection=holder)
        with pytest.raises(LockTimeoutError, match=his):
            manager.enqueue("domains", ["c.com"], idempotency_key="key")
        manager.enqueue("domains", ["d.com"], fields=["new.lane"], connection=holder)
        with pytest.raises(LockTimeoutError, match=his):
            manager.enqueue("domains", ["e.com"], fields=["new.lane"])
        manager.enqueue("domains", ["a.com"], priority=5, connection=holder)
        with pytest.raises(LockTimeoutError, match=his):
            request.cancel()
    assert request.progress().waiting == 1
    assert request.cancel().cancelled == 1


def test_on_a_callers_connection_only_the_call_is_undone(
    settings: Settings, hasty: Settings, holder: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(settings.postgres) as mine:
        mine.execute("CREATE TEMPORARY TABLE mine AS SELECT 1 AS n")
        with pytest.raises(LockTimeoutError, match=f"pid {holder.info.backend_pid}"):
            Manager(hasty).enqueue("domains", ["other.com", "new.com"], connection=mine)
        assert mine.execute("SHOW lock_timeout").fetchone() == ("0",)
        assert mine.execute("SELECT n FROM mine").fetchone() == (1,)
        request = Manager(hasty).enqueue("domains", ["another.com"], connection=mine)
        mine.commit()
    assert Manager(settings).request(request.id).total == 1
    with psycopg.connect(settings.postgres) as look:
        query = (
            f"SELECT count(*) FROM {settings.database_schema}.enrichment WHERE key = 'other.com'"
        )
        assert look.execute(query.encode()).fetchone() == (0,)


def test_on_asyncio_too(hasty: Settings, holder: psycopg.Connection[Any]) -> None:
    async def story() -> None:
        async with AsyncManager(hasty) as manager:
            with pytest.raises(LockTimeoutError, match="their shop"):
                await manager.enqueue("domains", ["new.com"])

    asyncio.run(story())


def test_a_role_that_may_not_see_the_holders_session_sees_who_it_is(
    settings: Settings, hasty: Settings, holder: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        schema = settings.database_schema
        for statement in (
            "DROP ROLE IF EXISTS modest",
            "CREATE ROLE modest LOGIN PASSWORD 'modest'",
            f"GRANT USAGE ON SCHEMA {schema} TO modest",
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO modest",
        ):
            connection.execute(statement.encode())
    url = psycopg.conninfo.make_conninfo(settings.postgres, user="modest", password="modest")
    given = psycopg.conninfo.conninfo_to_dict(url)
    modest = hasty.model_copy(
        update={
            "database_url": SecretStr(
                f"postgresql://modest:modest@{given['host']}:{given['port']}/{given['dbname']}"
            )
        }
    )
    try:
        with pytest.raises(LockTimeoutError, match=f"pid {holder.info.backend_pid}"):
            Manager(modest).enqueue("domains", ["new.com"])
    finally:
        with psycopg.connect(settings.postgres, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'modest'"
            )
            connection.execute("DROP OWNED BY modest")
            connection.execute("DROP ROLE modest")
