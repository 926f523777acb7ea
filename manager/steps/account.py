"""One account as the steps see it: its row in the ledger, its slots, its calls, its vendor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from manager.errors import ConfigurationError
from manager.ledger.execute import first, rows
from manager.ledger.sql import Statements
from manager.semaphore import Measures, Owner, RedisGate, Slots
from manager.settings import AccountSettings

if TYPE_CHECKING:
    from manager.steps.context import Context
    from manager.vendor.client import VendorClient

SQL = Statements("account")


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's row. `slots`: how many the ledger has for it."""

    id: int
    name: str
    paused_reason: str | None
    foreign_active: int
    slots: int


class Account:
    """What a step needs of its account; each part is opened when it is first used."""

    def __init__(self, context: Context, settings: AccountSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self._context = context

    @cached_property
    def id(self) -> int:
        """Its id in the ledger. Raises ConfigurationError when the ledger does not have it."""
        with self._context.ledger.connect() as connection:
            return self.standing(connection).id

    @cached_property
    def slots(self) -> Slots:
        """Its semaphore."""
        return Slots(self._context.redis, self._owner)

    @cached_property
    def gate(self) -> RedisGate:
        """Its calls at the vendor."""
        return RedisGate(self._context.redis, self._owner, self.settings.vendor_calls_per_minute)

    @cached_property
    def vendor(self) -> VendorClient:
        """The vendor's API with its key. Raises ConfigurationError without a usable one."""
        from manager.vendor.client import VendorClient  # here: who asks nothing needs no HTTP

        called = self.measures.called
        return VendorClient(self._context.settings, self.settings, self.gate, called)

    @cached_property
    def measures(self) -> Measures:
        """How long its calls and steps take."""
        return Measures(self._context.redis, self._owner)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be asked of the vendor: there is no usable key."""
        if self.settings.vendor_api_key is None:
            variable = f"ENRICHD_ACCOUNTS__{self.name.upper()}__VENDOR_API_KEY"
            return (
                f"no API key is configured; set {variable}, or ENRICHD_VENDOR_API_KEY for the "
                "single account"
            )
        try:
            self.vendor  # noqa: B018 - raises when the key cannot be one
        except ConfigurationError as error:
            return str(error)
        return None

    @property
    def _owner(self) -> Owner:
        return Owner(self._context.ledger_id, self.id)

    def standing(self, connection: Connection[Any]) -> Standing:
        """Its row as it is now. Raises ConfigurationError when the ledger does not have it."""
        found = first(connection, SQL.account, Standing, {"account": self.name})
        if found is None:
            names = ", ".join(rows(connection, SQL.account_names, str, {})) or "none"
            raise ConfigurationError(
                f"The ledger has no account named {self.name!r} (it has: {names}). "
                "If it was renamed there, rename it in the configuration, too; if it is new, run "
                "`enrichd db upgrade`."
            )
        return found

    def cap(self, standing: Standing) -> int:
        """How many jobs may be active; a lowered cap counts at once, though slots are held."""
        return min(standing.slots, self.settings.cap)

    def close(self) -> None:
        """Close what was opened."""
        if "measures" in self.__dict__:
            self.__dict__.pop("measures").add()
        if "vendor" in self.__dict__:
            self.__dict__.pop("vendor").close()
