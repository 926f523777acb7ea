"""Accounts: each has a key of its own, and where its table is silent the common settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from manager.errors import ConfigurationError
from manager.settings.names import CONFIG, variable
from manager.settings.prices import Prices, over
from manager.settings.values import CallsPerMinute, Cap, HttpUrl, TargetText, from_json
from manager.targets import Event

NO_TABLES = "{}"
"""As the value of ENRICHD_ACCOUNTS: what the file and other variables say of accounts is void."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What concerns one account, complete.

    `vendor_url` is a base URL. `prices`: credits a record, by endpoint. `single`: whether the
    settings outside any table are this account's own, its key among them.
    """

    name: str
    cap: int
    vendor_url: str
    vendor_api_key: SecretStr | None
    vendor_calls_per_minute: int
    prices: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    notify: tuple[str, ...] = ()
    notify_events: tuple[Event, ...] = ()
    single: bool = False

    def price(self, endpoint: str) -> Decimal | None:
        """Credits that a record of the endpoint costs; None when that is not configured."""
        return self.prices.get(endpoint)

    @property
    def api_key(self) -> str:
        """The account's API key in clear; raises ConfigurationError when it is not set."""
        if self.vendor_api_key:
            return self.vendor_api_key.get_secret_value()
        path = ("vendor_api_key",) if self.single else ("accounts", self.name, "vendor_api_key")
        place = "" if self.single else f" in [accounts.{self.name}],"
        raise ConfigurationError(
            f"The vendor's API key of account {self.name} is not set. Set {variable(*path)} in the "
            f"environment, or vendor_api_key{place} in the file that {CONFIG} names."
        )


class AccountTable(BaseModel):
    """`[accounts.NAME]`: what the account does not share with the others; None is not said."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    vendor_api_key: SecretStr | None = Field(
        None, description="The account's own API key, which is used for no other account"
    )
    vendor_url: HttpUrl | None = Field(None, description="Base URL of the vendor's API")
    cap: Cap | None = Field(None, description="Jobs that may be active at the vendor at once")
    vendor_calls_per_minute: CallsPerMinute | None = Field(
        None, description="Calls a minute assumed per endpoint until the vendor's headers tell"
    )

    price: Prices | None = Field(
        None, description="Credits that a record costs, of each endpoint that differs"
    )

    notify: list[TargetText] | None = Field(
        None, description="Targets that are told of its requests and of what it is in trouble with"
    )
    notify_events: list[Event] | None = Field(None, description="Events that these are told")

    @field_validator("price", "notify", "notify_events", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        return from_json(value)

    def over(self, single: AccountSettings, name: str) -> AccountSettings:
        """The settings of account `name`: this table's, and where it is silent those of `single`.

        `single`'s key stays out of every other account.
        """
        is_single = name == single.name
        key = self.vendor_api_key or (single.vendor_api_key if is_single else None)
        return AccountSettings(
            name=name,
            cap=self.cap or single.cap,
            vendor_url=self.vendor_url or single.vendor_url,
            vendor_api_key=key or None,
            vendor_calls_per_minute=self.vendor_calls_per_minute or single.vendor_calls_per_minute,
            prices=over(self.price, single.prices),
            notify=single.notify if self.notify is None else tuple(self.notify),
            notify_events=(
                single.notify_events if self.notify_events is None else tuple(self.notify_events)
            ),
            single=is_single,
        )
