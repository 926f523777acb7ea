"""What all tests of a run share: servers, a schema of its own, and a sandbox."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr

from manager import semaphore
from manager.errors import ConfigurationError
from manager.ledger import migrate
from manager.ledger.connect import Ledger, unavailable
from manager.run.embedded import EmbeddedServers
from manager.run.processes import SANDBOX_KEY
from manager.settings import Settings
from manager.settings.names import variable
from manager.testing.clean_ledger import CleanLedger
from manager.testing.given import given_settings
from pytest_enrichd.vendor import running_sandbox

if TYPE_CHECKING:
    from sandbox import SandboxControl

PREFIX = "enrichd_pytest_"
# Its time-outs are in real seconds; neither rate limits nor waiting for more are a test's subject.
QUICK: dict[str, Any] = {
    "linger": 0.0,
    "vendor_calls_per_minute": 10_000,
    "vendor_connect_timeout": 5.0,
    "vendor_read_timeout": 5.0,
    "submit_deadline": 30.0,
}
# What a process of the application needs to be a caller, or the daemon, of the ledger.
ADDRESSES = (
    "database_url",
    "database_schema",
    "redis_url",
    "account",
    "vendor_url",
    "vendor_api_key",
)
FIXED = ("database_url", "database_schema", "redis_url", "data_dir", "vendor_url", "vendor_api_key")
# Those of runs that were killed: nobody holds their lock any more.
LEFT = r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'enrichd\_pytest\_%'"
LOCK = "SELECT pg_try_advisory_lock(hashtext(%s))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext(%s))"


class Session:
    """Makes the ledger, its Redis and its vendor new for each test."""

    def __init__(self, base: dict[str, Any], sandbox: SandboxControl) -> None:
        self.sandbox = sandbox
        self._base = base
        self._settings = given_settings(**base)
        self._ledger = CleanLedger(self._settings)
        self._ledger_id = Ledger(self._settings, "testing").id()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which another process, or `Manager()`, finds the ledger."""
        return environment(self._settings)

    def renewed(self, overrides: dict[str, Any]) -> Settings:
        """Settings with these values, for a ledger that looks new.

        Raises ConfigurationError for what is not the test's to set.
        """
        if fixed := [name for name in FIXED if name in overrides]:
            raise ConfigurationError(f"enrichd_overrides may not set {', '.join(fixed)}.")
        settings = given_settings(**self._base | _with_keys(overrides))
        self.sandbox.reset()
        self.forget_in_redis()
        self._ledger.renew()
        if settings.served != self._settings.served:
            migrate.upgrade(settings)  # writes the accounts down
        return settings

    def forget_in_redis(self) -> None:
        """Remove what Redis holds of the ledger, and nothing else."""
        with semaphore.connect(self._settings) as redis:
            for pattern in (f"enrichd:{self._ledger_id}:*", f"enrichd:{{{self._ledger_id}:*"):
                for key in redis.scan_iter(pattern, count=1_000):
                    redis.delete(key)


@contextmanager
def session(database_url: str | None, redis_url: str | None, directory: Path) -> Iterator[Session]:
    """Start what is needed, and end it. Raises ConfigurationError, UnavailableError."""
    with ExitStack() as stack:
        if database_url is None or redis_url is None:
            servers = stack.enter_context(_embedded())
            database_url = database_url or servers.database_url
            redis_url = redis_url or servers.redis_url
        sandbox = stack.enter_context(running_sandbox(directory))
        base: dict[str, Any] = QUICK | {
            "database_url": database_url,
            "redis_url": redis_url,
            "vendor_url": sandbox.url,
            "vendor_api_key": SANDBOX_KEY,
        }
        schema = stack.enter_context(_own_schema(given_settings(**base)))
        made = Session(base | {"database_schema": schema}, sandbox)
        stack.callback(made.forget_in_redis)
        yield made


@contextmanager
def _embedded() -> Iterator[EmbeddedServers]:
    data_dir = Path(tempfile.mkdtemp(prefix="enrichd-pytest-"))
    try:
        servers = EmbeddedServers(data_dir, ephemeral=True)
    except ConfigurationError as error:
        with suppress(OSError):
            data_dir.rmdir()
        raise ConfigurationError(
            f"{error} Or name servers of your own: --enrichd-database-url and --enrichd-redis-url."
        ) from None
    with servers:
        yield servers


@contextmanager
def _own_schema(settings: Settings) -> Iterator[str]:
    """A schema's name that no other run has; the schema is dropped in the end.

    A run that is killed leaves its schema behind, and the next run removes it.
    """
    try:
        connection = psycopg.connect(settings.postgres, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise unavailable(error, settings) from None
    with connection:
        for (left,) in connection.execute(LEFT).fetchall():
            if _locked(connection, left):
                with suppress(InsufficientPrivilege):
                    _drop(connection, left)
                connection.execute(UNLOCK, [left])
        schema = f"{PREFIX}{secrets.token_hex(6)}"
        _locked(connection, schema)
        try:
            yield schema
        finally:
            _drop(connection, schema)


def _locked(connection: psycopg.Connection[Any], schema: str) -> bool:
    [row] = connection.execute(LOCK, [schema])
    return bool(row[0])


def _drop(connection: psycopg.Connection[Any], schema: str) -> None:
    statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
    connection.execute("SET lock_timeout TO '5s'")
    with suppress(psycopg.errors.LockNotAvailable):  # a test left it locked; the next run does it
        connection.execute(statement)


def environment(settings: Settings) -> dict[str, str]:
    """The variables by which another process, or `Manager()`, gets these settings."""
    values = {name: getattr(settings, name) for name in ADDRESSES}
    return {
        variable(name): value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }


def _with_keys(overrides: dict[str, Any]) -> dict[str, Any]:
    """The same, with the sandbox's key for each account that has a table and none of its own."""
    accounts = overrides.get("accounts")
    if not isinstance(accounts, dict):
        return overrides
    with_keys = {
        name: {"vendor_api_key": SANDBOX_KEY} | table if isinstance(table, dict) else table
        for name, table in accounts.items()
    }
    return overrides | {"accounts": with_keys}
