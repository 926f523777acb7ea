"""The keys that sign sessions: those of the settings, or one that follows from the ledger's id."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from manager.settings import Settings
from manager.web.access.sessions import Sessions
from manager.web.ledger_id import LedgerId

LABEL = b"enrichd/session key"


class Keys:
    """Makes the Sessions. All web processes of a ledger derive the same key; while the ledger
    cannot be asked a process has one of its own, so that an operator can come in all the same.
    """

    def __init__(self, settings: Settings, ledger_id: LedgerId) -> None:
        self._seconds = settings.web_session_hours * 3600
        self._ledger_id = ledger_id
        self._own = secrets.token_bytes(32)
        given = [it.get_secret_value().encode() for it in settings.web_session_keys]
        self._sessions = Sessions(given, self._seconds) if given else None
        self._without = Sessions([self._own], self._seconds)

    async def sessions(self) -> Sessions:
        """Those of now."""
        if self._sessions is None:
            id_ = await self._ledger_id.get()
            if id_ is None:
                return self._without
            derived = hmac.new(id_.encode(), LABEL, hashlib.sha256).digest()
            self._sessions = Sessions([derived, self._own], self._seconds)
        return self._sessions
