"""Whether a ledger's schema is what the program needs."""

from __future__ import annotations

from manager import Settings
from manager.ledger import revision
from manager.ledger.connect import Ledger


def check_revision(settings: Settings) -> None:
    """Raise ConfigurationError when it is older."""
    with Ledger(settings, "test").connect() as connection:
        revision.check(connection, settings.database_schema)
