"""Whether there is an account, and whether a list says which one each row is of."""

from __future__ import annotations

from manager.ledger.connect import Ledger
from manager.operator import accounts as operator
from manager.settings import Settings


def check_account(settings: Settings, name: str | None) -> None:
    """Raise NotFoundError when there is no such account."""
    if name is not None:
        with Ledger(settings, "cli").connect() as connection:
            operator.standing(connection, name)


def account_column(settings: Settings, name: str | None) -> tuple[str, ...]:
    """The column that tells accounts apart in a list, where the ledger has several.

    name: of the only one that is listed. Raises NotFoundError when there is no such account.
    """
    with Ledger(settings, "cli").connect() as connection:
        if name is not None:
            operator.standing(connection, name)
        return ("account",) if len(operator.known_names(connection)) > 1 else ()
