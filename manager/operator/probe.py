"""The probe of webhooks' receiver: how a process shows that it works on a certain ledger.

It answers a word that nobody could know before with what only who knows the ledger's own id, a
random one that leaves Postgres for Redis alone, can make of it; and tells nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re

PROOF = "x-enrichd-proof"
UNKNOWN = "unknown"

# Nothing longer and nothing else is answered: the proof must not make keys of other things.
_NONCE = re.compile(r"[0-9a-f]{16,64}")


def is_nonce(text: str) -> bool:
    """Whether it is a word that `enrichd doctor` may ask with."""
    return _NONCE.fullmatch(text) is not None


def probe_path(nonce: str) -> str:
    """Beside the webhooks' own paths, so that a proxy that lets these pass lets it pass, too."""
    return f"/webhooks/probe/{nonce}"


def proof(ledger_id: str, nonce: str) -> str:
    """What the ledger's id makes of the nonce."""
    return hmac.new(ledger_id.encode(), nonce.encode(), hashlib.sha256).hexdigest()
