"""Case: what the areas look at, and how they ask the ledger without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from redis import Redis

from manager.ledger.connect import connection_arguments, unavailable
from manager.ledger.execute import one
from manager.ledger.sql import Statements
from manager.semaphore import connect
from manager.settings import AccountSettings, Settings
from manager.settings.origins import Reading
from manager.steps.context import Context

SQL = Statements("doctor")
# Seconds after which a server or the vendor is taken for silent.
CONNECT, ANSWER = 5.0, 10.0


@dataclass
class Case:
    """The configuration, and what it leads to. Each area has one of its own.

    account: the only one that is to be looked at; None: all.
    """

    reading: Reading
    account: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings, with shorter time-outs for the vendor."""
        given = self.reading.settings
        return given.model_copy(
            update={
                "vendor_connect_timeout": min(given.vendor_connect_timeout, CONNECT),
                "vendor_read_timeout": min(given.vendor_read_timeout, ANSWER),
            }
        )

    @property
    def accounts(self) -> list[AccountSettings]:
        """Those that are served here and are to be looked at."""
        return [it for it in self.settings.served if self.account in (None, it.name)]

    @property
    def context(self) -> Context:
        """What the daemon makes of the settings."""
        return Context(self.settings, "doctor")

    def connect(self) -> Connection[Any]:
        """A session in which nothing was set, on whatever server there is, a standby too.

        Raises UnavailableError, ConfigurationError.
        """
        try:
            connection = psycopg.connect(**connection_arguments(self.settings, "doctor"))
        except psycopg.OperationalError as error:
            raise unavailable(error, self.settings) from None
        connection.read_only = True
        connection.prepare_threshold = None  # there may be a pooler
        return connection

    @contextmanager
    def asking(self, connection: Connection[Any]) -> Iterator[None]:
        """A transaction that writes nothing, ends soon, and leaves nothing set behind it."""
        with connection.transaction():
            parameters = {
                "timeout": f"{ANSWER / 2:g}s",
                "schema": f'"{self.settings.database_schema}", pg_temp',
            }
            one(connection, SQL.limit_asking, bool, parameters)
            yield

    @contextmanager
    def ledger(self) -> Iterator[Connection[Any]]:
        """The ledger, to be read."""
        with self.connect() as connection, self.asking(connection):
            yield connection

    @cached_property
    def ledger_id(self) -> str:
        """The ledger's own id. Raises what asking it raises."""
        with self.ledger() as connection:
            return str(one(connection, SQL.ledger_id, UUID, {}))

    @cached_property
    def redis(self) -> Redis:
        """A client of Redis."""
        return connect(self.settings)

    def close(self) -> None:
        """Close what was opened."""
        if "redis" in self.__dict__:
            self.__dict__.pop("redis").close()
