"""Reading the settings as a process would, with what its configuration says or refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from manager import ConfigurationError, Settings, load_settings

CONFIG = Path(__file__).parents[2] / "config"
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
SECRETS = {"database_url", "redis_url", "vendor_api_key"}
TABLES_OF_SECRETS = {"notify_targets", "notify_secrets", "notify_brokers"}


def values(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in DEFAULTS}


def refusal(**overrides: Any) -> str:
    """The message that a wrong configuration stops with."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def told(message: str) -> list[str]:
    """The settings that the message names, sorted."""
    return sorted(re.findall(r"^  (\S+)(?: \(|: )", message, re.MULTILINE))
