"""Ids as they are typed into commands: whole, or the beginning of one alone."""

from __future__ import annotations

from uuid import UUID

from manager.ledger.connect import Ledger
from manager.operator.ids import whole_id
from manager.settings import Settings


def request_uuid(settings: Settings, text: str) -> UUID:
    """The request's id that is meant; a whole one is not looked up.

    Raises NotFoundError, InvalidRequestError when several begin so.
    """
    try:
        return UUID(text)
    except ValueError:
        with Ledger(settings, "cli").connect() as connection:
            return UUID(whole_id(connection, "request", text))
