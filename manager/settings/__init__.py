"""Settings: defaults in the code, over them a TOML file, over it the environment (`ENRICHD_…`).

`config/enrichd.toml` shows every setting with its default; a test keeps the two in step.
A data directory (`ENRICHD_DATA_DIR`) made by `enrichd up --embedded` carries the addresses
of its own servers in `connection.json`, so that nothing else needs to be configured.
"""

from manager.settings.accounts import NO_TABLES, AccountSettings, AccountTable
from manager.settings.load import load_settings
from manager.settings.model import Settings
from manager.settings.sources import CONNECTION_FILE

__all__ = [
    "CONNECTION_FILE",
    "NO_TABLES",
    "AccountSettings",
    "AccountTable",
    "Settings",
    "load_settings",
]
