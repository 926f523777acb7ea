"""Users' tokens: made by us, of 256 random bits, kept by nobody but the user.

So a salted SHA-256 is strong: there is nothing to guess. What is not of a token's shape is refused
before it is compared, so a password of somebody's own cannot become one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

PREFIX = "enrichd_"
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def new_token() -> str:
    """A token."""
    return PREFIX + secrets.token_urlsafe(32)


def hashed(token: str, salt: str | None = None) -> str:
    """What the configuration has of it: sha256:SALT:HASH."""
    salt = salt or secrets.token_hex(16)
    return f"sha256:{salt}:{hashlib.sha256(f'{salt}{token}'.encode()).hexdigest()}"


def whose(token: str, hashes: Mapping[str, str]) -> str | None:
    """The name of the token's user. It takes as long for any token, whoever's it is or is nearly.

    hashes: of each name.
    """
    if not _TOKEN.fullmatch(token):
        return None
    found = None
    for name, known in hashes.items():
        if hmac.compare_digest(hashed(token, known.split(":")[1]), known):
            found = name
    return found
