"""Servers that nobody here built, and what the tests do with them."""

from tests.foreign.main_job import drive
from tests.foreign.pgbouncer import pgbouncer
from tests.foreign.postgres import any_postgres, postgres, postgres_15, postgres_servers
from tests.steps.conftest import _running, _sandbox_dir, sandbox

__all__ = [
    "_running",
    "_sandbox_dir",
    "any_postgres",
    "drive",
    "pgbouncer",
    "postgres",
    "postgres_15",
    "postgres_servers",
    "sandbox",
]
