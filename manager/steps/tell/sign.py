"""Signatures of Standard Webhooks, version 1: HMAC-SHA256 by each secret that is in use."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from uuid import UUID

from pydantic import SecretStr


def headers(id: UUID, timestamp: int, body: bytes, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The headers by which a receiver knows who sends it, and that it is no old one sent again.

    timestamp: seconds since 1970, of this very try. secrets: `whsec_…`; whoever knows one of them
    finds a signature by it, so they can be changed one by one.
    """
    signed = b".".join((str(id).encode(), str(timestamp).encode(), body))
    signatures = (
        b64encode(hmac.new(_key(it), signed, hashlib.sha256).digest()).decode() for it in secrets
    )
    return {
        "webhook-id": str(id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{it}" for it in signatures),
    }


def _key(secret: SecretStr) -> bytes:
    return b64decode(secret.get_secret_value().removeprefix("whsec_"))
