"""What every step needs: the ledger, Redis, and the accounts that this process serves."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from redis import Redis

from manager import semaphore, traces
from manager.errors import ConfigurationError
from manager.ledger.connect import Ledger
from manager.logs import get_logger
from manager.settings import AccountSettings, Settings
from manager.steps.account import Account

if TYPE_CHECKING:
    from manager.traces.tracer import Tracer

log = get_logger(__name__)


class Wake(NamedTuple):
    """A wake-up call for a step; it says where to look, not what is true.

    account: its name; "" for a step of the machine. delay: seconds until it is to come.
    """

    step: str
    account: str = ""
    job_id: UUID | None = None
    delay: float = 0.0


class Context:
    """Opens its connections when they are first used, so it can be made before a fork."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.settings = settings
        self.ledger = Ledger(settings, role)
        self._accounts: dict[str, Account] = {}

    @cached_property
    def redis(self) -> Redis:
        """The connection to Redis."""
        return semaphore.connect(self.settings)

    @cached_property
    def ledger_id(self) -> str:
        """The ledger's own name; what Redis holds is named after it."""
        return self.ledger.id()

    @cached_property
    def tracer(self) -> Tracer | None:
        """What makes spans; None where traces are off, which loads nothing."""
        if not traces.wanted(self.settings):
            return None
        try:
            from manager.traces.tracer import Tracer
        except ImportError as error:
            log.warning("traces.off", why="the extra otel is not installed", error=error)
            return None
        return Tracer(self.settings)

    @property
    def spool_dir(self) -> Path:
        """Where results files are downloaded to."""
        settings = self.settings
        if settings.spool_dir:
            return settings.spool_dir
        if settings.data_dir:
            return settings.data_dir / "spool"
        return Path(tempfile.gettempdir()) / f"enrichd-{settings.database_schema}"

    def account(self, name: str) -> Account:
        """The account of that name. Raises ConfigurationError when it is not served here."""
        served = self.settings.served_account(name)
        if served is None:
            names = ", ".join(it.name for it in self.settings.served)
            raise ConfigurationError(
                f"The account {name!r} is not served here; those that are: {names}. Give it a "
                f"table [accounts.{name}] in the configuration file."
            )
        return self._account(served)

    def accounts(self) -> list[Account]:
        """All accounts that this process serves."""
        return [self._account(served) for served in self.settings.served]

    def _account(self, served: AccountSettings) -> Account:
        if served.name not in self._accounts:
            self._accounts[served.name] = Account(self, served)
        return self._accounts[served.name]

    def close(self) -> None:
        """Close what was opened."""
        for account in self._accounts.values():
            account.close()
        self._accounts.clear()
        if tracer := self.__dict__.pop("tracer", None):
            tracer.close()
        if "redis" in self.__dict__:
            self.__dict__.pop("redis").close()
