"""Sessions: cookies that we have signed; nothing is stored.

A session names its user and is bound to the hash of the user's token: to forge one takes the key
and that hash, and a token that is taken out of the configuration takes its sessions with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "enrichd"


@dataclass(frozen=True, slots=True)
class Session:
    """user: its name, "" for nobody. id: random, new with each login."""

    user: str
    id: str


class Sessions:
    """Writes and reads cookies. keys: the newest first; it signs, the others are believed, too."""

    def __init__(self, keys: Sequence[bytes], seconds: float) -> None:
        self._seconds = int(seconds)
        self._key = keys[0]
        self._signed = URLSafeTimedSerializer(
            list(reversed(keys)),
            salt="enrichd/session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._keys = keys

    def write(self, session: Session, token_hash: str) -> str:
        """The cookie's value. token_hash: the user's, "" for nobody."""
        bound = _bound(session, token_hash)
        return str(self._signed.dumps([session.user, session.id, bound]))

    def read(self, value: str) -> tuple[Session, str] | None:
        """What we have written, not too long ago, and what it is bound to; else None."""
        try:
            user, id_, bound = self._signed.loads(value, max_age=self._seconds)
        except (BadData, ValueError, TypeError):
            return None
        return Session(user, id_), bound

    def csrf_token(self, session: Session) -> str:
        """What the forms of the session carry."""
        return _csrf_token(self._key, session)

    def is_csrf_token(self, session: Session, token: str) -> bool:
        """Whether it is, also by an older key."""
        made = [_csrf_token(key, session).encode() for key in self._keys]
        given = token.encode("utf-8", "replace")
        return any(hmac.compare_digest(it, given) for it in made)


def new(user: str = "") -> Session:
    """A session that nobody has had."""
    return Session(user, secrets.token_urlsafe(24))


def is_bound(session: Session, bound: str, token_hash: str) -> bool:
    """Whether the session was written for a user with this hash."""
    return hmac.compare_digest(_bound(session, token_hash).encode(), str(bound).encode())


def _bound(session: Session, token_hash: str) -> str:
    message = f"{session.user}\0{session.id}"
    return hmac.new(token_hash.encode(), message.encode(), hashlib.sha256).hexdigest()[:32]


def _csrf_token(key: bytes, session: Session) -> str:
    message = f"enrichd/csrf\0{session.user}\0{session.id}"
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
