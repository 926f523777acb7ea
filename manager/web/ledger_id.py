"""The ledger's own id, from which keys are made that nobody can make who does not know it."""

from __future__ import annotations

import logging

from manager.operator.trouble import TROUBLE, named
from manager.steps.context import Context
from manager.web.shared import Shared

log = logging.getLogger(__name__)

# Seconds that who comes first waits for the id, and after which it is asked for again.
PATIENCE, AGAIN = 2.0, 1.0


class LedgerId:
    """Asked for until it is known, and never again: who comes then costs Postgres nothing.

    While the ledger is away one question is under way at most, and only who comes first waits.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asked = Shared(self._ask, AGAIN)
        self._known: str | None = None
        self._away = False

    async def get(self) -> str | None:
        """The id; None while the ledger cannot be asked."""
        if self._known is None:
            try:
                await self._asked.get(0 if self._away else PATIENCE)
            except TimeoutError:
                self._away = True
        return self._known

    def _ask(self) -> None:
        try:
            self._known = self._context.ledger_id
        except TROUBLE as error:
            self._away = True
            log.warning("the ledger cannot be asked for its id: %s", named(error))
