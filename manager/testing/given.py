"""Settings for tests: what the test gives, and defaults; nothing of the surroundings."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from manager.settings import Settings
from manager.settings.load import wrong


class _Given(Settings):
    """Neither the environment nor a file may lead a test to a real ledger or a paid vendor."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **more: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone."""
        return (init_settings,)


def given_settings(**values: Any) -> Settings:
    """Settings of these values and the defaults; every wrong one is in a ConfigurationError."""
    try:
        return _Given(**values)
    except ValidationError as error:
        raise wrong(error) from None
