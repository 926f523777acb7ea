"""Who holds what an operator has waited for in vain."""

from __future__ import annotations

from manager.errors import UnavailableError
from manager.ledger.holders import who_holds
from manager.steps.context import Context


def holders(context: Context) -> str:
    """A sentence that names them, with a space at its end; empty when nobody can be named."""
    settings = context.settings
    try:
        with context.ledger.connect() as connection:
            found = who_holds(connection, settings.database_schema, settings.merge_lock_timeout)
    except UnavailableError:
        return ""
    return f"{found} " if found else ""
