"""Settings: where their values come from, and what follows from them."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from manager.errors import ConfigurationError, NoInstallationError
from manager.settings import installation, sources
from manager.settings.accounts import AccountSettings, AccountTable
from manager.settings.fields import Fields
from manager.settings.names import CONFIG, PREFIX, variable


class Settings(Fields):
    """Every knob of the enrichment manager, and the accounts that it serves."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the data directory, then the TOML file."""
        found = sources.ordered(
            init_settings(), env_settings(), cls.model_fields, AccountTable.model_fields
        )
        return tuple(InitSettingsSource(settings_cls, it.values) for it in found)

    @property
    def postgres(self) -> str:
        """The database's URL in clear; raises ConfigurationError when it is not set."""
        return _required(self, self.database_url, "database_url", "Postgres's URL")

    @property
    def redis(self) -> str:
        """Redis's URL in clear; raises ConfigurationError when it is not set."""
        return _required(self, self.redis_url, "redis_url", "Redis's URL")

    @property
    def served(self) -> tuple[AccountSettings, ...]:
        """All accounts that this process serves, by name.

        Each that has a table; the one that `account` names when there is no table at all, or when
        it has a key outside of the tables.
        """
        served = set(self.accounts)
        if not served or self.vendor_api_key:
            served.add(self.account)
        single = AccountSettings(
            name=self.account,
            cap=self.cap,
            vendor_url=self.vendor_url,
            vendor_api_key=self.vendor_api_key,
            vendor_calls_per_minute=self.vendor_calls_per_minute,
            prices=self.price,
            notify=tuple(self.notify),
            notify_events=tuple(self.notify_events),
        )
        silent = AccountTable()
        return tuple(self.accounts.get(name, silent).over(single, name) for name in sorted(served))

    def served_account(self, name: str) -> AccountSettings | None:
        """The account of that name; None when this process does not serve it."""
        return next((it for it in self.served if it.name == name), None)

    @property
    def call_limit(self) -> float:
        """Seconds within which any call of the vendor ends, connecting included."""
        return self.vendor_connect_timeout + self.vendor_read_timeout

    @property
    def submission_limit(self) -> float:
        """Seconds after which a submission that has begun is certainly not under way any more."""
        return self.submit_deadline + self.call_limit

    @property
    def freshness(self) -> timedelta:
        """`max_age` as a timedelta."""
        return timedelta(seconds=self.max_age)


def _required(settings: Settings, secret: SecretStr | None, name: str, what: str) -> str:
    if secret is None or not secret.get_secret_value():
        if settings.data_dir is not None:
            raise NoInstallationError(installation.missing(settings.data_dir))
        raise ConfigurationError(
            f"{what} is not set. Set {variable(name)} or {name} in the file that "
            f"{CONFIG} names, or point --data-dir ({PREFIX}DATA_DIR) at an installation "
            "made by `enrichd up --embedded`."
        )
    return secret.get_secret_value()
