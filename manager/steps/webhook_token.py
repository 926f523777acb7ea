"""A webhook's token: which attempt of a job it is for, and what only who knows the ledger can make.

So a forged one is told from ours without asking the ledger, which keeps a hash of each: only the
token of a job's newest attempt is heard.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from uuid import UUID

# No nonce of the probe (manager/operator/probe.py) has a slash in it, or its proof were the key.
LABEL = b"enrichd/webhook key"

_OURS = re.compile(r"([0-9]{1,9})-[0-9a-f]{64}")
_FORMER = re.compile(r"[A-Za-z0-9_-]{43}")


def webhook_key(ledger_id: str) -> bytes:
    """The key that signs the tokens of a ledger."""
    return hmac.new(ledger_id.encode(), LABEL, hashlib.sha256).digest()


def new_token(key: bytes, job_id: UUID, attempt: int) -> str:
    """The token of an attempt of a job."""
    message = f"{job_id} {attempt}".encode()
    return f"{attempt}-{hmac.new(key, message, hashlib.sha256).hexdigest()}"


def is_token(key: bytes, job_id: UUID, token: str) -> bool:
    """Whether we have made it for an attempt of this job."""
    found = _OURS.fullmatch(token)
    return found is not None and hmac.compare_digest(new_token(key, job_id, int(found[1])), token)


def is_of_former_shape(token: str) -> bool:
    """Whether a release before 0.4 may have made it: it was random, only the ledger can tell."""
    return _FORMER.fullmatch(token) is not None


def hash_token(token: str) -> bytes:
    """What the ledger keeps of a token."""
    return hashlib.sha256(token.encode()).digest()
