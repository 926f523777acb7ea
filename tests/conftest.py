"""Servers and settings for the tests; each test has a ledger and a Redis of its own."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from manager import Settings
from manager.ledger import migrate
from manager.run.embedded import EmbeddedServers
from manager.semaphore import connect

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vendor")
    group.addoption(
        "--real-vendor", action="store_true", help="call the real vendor too (URL and key by env)"
    )
    group.addoption(
        "--real-vendor-spend", action="store_true", help="also submit one job of two identifiers"
    )


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ENRICHD_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """Postgres and Redis for the whole run; they end with it, however it ends."""
    data_dir = Path(tempfile.mkdtemp(prefix="enrichd-tests-"))
    with EmbeddedServers(data_dir, ephemeral=True) as running:
        yield running


@pytest.fixture
def settings(servers: EmbeddedServers, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a migrated schema and an account of their own."""
    number = next(_numbers)
    made = Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        database_schema=f"test_{number}",
        account=f"test-{number}",
        vendor_url="http://127.0.0.1:1",
        vendor_api_key="test-key",
        spool_dir=tmp_path / "spool",
        linger=0,
        poll_min=0.05,
        poll_max=0.5,
        backoff_base=0.05,
        backoff_max=0.2,
        resolve_window=0.5,
        submit_deadline=2,
        vendor_connect_timeout=2,
        vendor_read_timeout=2,
    )
    migrate.upgrade(made)
    yield made
    with connect(made) as redis:
        redis.flushdb()
    with psycopg.connect(made.postgres, autocommit=True) as connection:
        for schema in (made.database_schema, f"{made.database_schema}_models"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
