"""Servers and settings for the tests; each test finds a ledger and a Redis that look new."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from manager import Settings
from manager.run.embedded import EmbeddedServers
from manager.semaphore import connect
from manager.testing.clean_ledger import CleanLedger
from manager.testing.given import given_settings

# A worker of xdist inherits what readline takes for a terminal's width, and commands believe it.
os.environ.pop("COLUMNS", None)


# Whatever the test before has left running: it would wait for our locks, or write to us.
END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
OTHER_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_' AND nspname <> %s
"""

# A busy machine is no reason to fail. By default the same is tried at each run, so that a change is
# not judged by what another has broken; `make explore` tries what was never tried.
BUSY = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("explore", BUSY)
hypothesis.settings.register_profile("steady", BUSY, derandomize=True)
hypothesis.settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vendor")
    group.addoption(
        "--real-vendor", action="store_true", help="call the real vendor too (URL and key by env)"
    )
    group.addoption(
        "--real-vendor-spend", action="store_true", help="also submit one job of two identifiers"
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Compressed bytes hold the time, and all of xdist's workers must find the same names."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests with daemons together, so that several workers run few daemons at once."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.get_closest_marker("daemon"):
                group = "cli" if "cli" in item.path.parts else "daemons"
                item.add_marker(pytest.mark.xdist_group(group))


def forget_settings(environment: pytest.MonkeyPatch) -> None:
    """Take out of the environment what was set outside, or by a command that a test has run."""
    for name in list(os.environ):
        if name.startswith("ENRICHD_"):
            environment.delenv(name)


@pytest.fixture(autouse=True)
def _log_level_as_it_was() -> Iterator[None]:
    """A process of ours that a test is sets the level for all."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch)


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """Postgres and Redis for the whole run; they end with it, however it ends."""
    data_dir = Path(tempfile.mkdtemp(prefix="enrichd-tests-"))
    with EmbeddedServers(data_dir, ephemeral=True) as running:
        yield running


@pytest.fixture(scope="session")
def _given(servers: EmbeddedServers) -> Settings:
    """What the settings of all tests have in common."""
    return given_settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        database_schema="test",
        account="test",
        vendor_url="http://127.0.0.1:1",
        vendor_api_key="test-key",
        linger=0,
        look_min=0.05,
        look_max=0.5,
        backoff_base=0.05,
        backoff_max=0.2,
        resolve_window=0.5,
        submit_deadline=2,
        vendor_connect_timeout=2,
        vendor_read_timeout=2,
    )


@pytest.fixture(scope="session")
def _ledger(_given: Settings) -> CleanLedger:
    return CleanLedger(_given)


@pytest.fixture
def settings(_given: Settings, _ledger: CleanLedger, tmp_path: Path) -> Settings:
    """Settings with a ledger and a Redis that look new."""
    _end_others(_given)
    _ledger.renew()
    with connect(_given) as redis:
        redis.flushdb()
    return _given.model_copy(update={"spool_dir": tmp_path / "spool"})


def _end_others(settings: Settings) -> None:
    """The ledger is the only thing in the database, and nobody else is connected to it."""
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute(END_OTHERS)
        for (schema,) in connection.execute(OTHER_SCHEMAS, [settings.database_schema]).fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
