"""What every step of the daemon needs: settings, ledger, semaphore and vendor."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

from psycopg import Connection
from redis import Redis

from manager import semaphore
from manager.errors import ConfigurationError
from manager.ledger.connect import Ledger, first
from manager.ledger.sql import Statements
from manager.semaphore import RedisGate, Slots
from manager.settings import Settings
from manager.vendor.client import VendorClient

SQL = Statements("sweep")

Step = Literal["sweep", "reconcile", "pack", "poll", "submit", "resolve", "merge"]


class Wake(NamedTuple):
    """A wake-up call for a step; it says where to look, not what is true."""

    step: Step
    job_id: UUID | None = None


class Account(NamedTuple):
    """The account's row, with the number of its slots."""

    id: int
    paused_reason: str | None
    foreign_active: int
    cap: int


class Context:
    """Opens its connections when they are first used, so it can be made before a fork."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.settings = settings
        self.ledger = Ledger(settings, role)

    @cached_property
    def redis(self) -> Redis:
        """The connection to Redis."""
        return semaphore.connect(self.settings)

    @cached_property
    def slots(self) -> Slots:
        """The account's semaphore."""
        return Slots(self.redis, self.settings.account)

    @cached_property
    def gate(self) -> RedisGate:
        """The account's rate limits at the vendor."""
        return RedisGate(self.redis, self.settings.account, self.settings.vendor_calls_per_minute)

    @cached_property
    def vendor(self) -> VendorClient:
        """The vendor's API."""
        return VendorClient.from_settings(self.settings, self.gate)

    @cached_property
    def spool_dir(self) -> Path:
        """Where results files are downloaded to."""
        settings = self.settings
        if settings.spool_dir:
            return settings.spool_dir
        if settings.data_dir:
            return settings.data_dir / "spool"
        return Path(tempfile.gettempdir()) / f"enrichd-{settings.account}"

    def account(self, connection: Connection[Any]) -> Account:
        """The configured account. Raises ConfigurationError when the ledger has none."""
        row = first(connection, SQL.account, {"account": self.settings.account})
        if row is None:
            raise ConfigurationError(
                f"The ledger has no account named {self.settings.account!r}. "
                "Run `enrichd db upgrade`."
            )
        # A cap that was lowered counts at once, though its slots are still held.
        return Account(*row)._replace(cap=min(row.cap, self.settings.cap))

    def close(self) -> None:
        """Close what was opened."""
        for name in ("vendor", "redis"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
