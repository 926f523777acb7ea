"""Pre-signed download links: whoever has one may download until it expires."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode


def signed(base: str, path: str, *, expires: float, secret: str) -> str:
    """A fresh link to `path`, valid until that time."""
    query = {"expires": f"{expires:.3f}", "nonce": secrets.token_hex(4)}
    query["signature"] = _signature(path, query["expires"], query["nonce"], secret)
    return f"{base.rstrip('/')}{path}?{urlencode(query)}"


def valid(path: str, query: Mapping[str, str], *, now: float, secret: str) -> bool:
    """Whether a link with that path and query was signed here and has not expired."""
    expires, nonce = query.get("expires", ""), query.get("nonce", "")
    genuine = _signature(path, expires, nonce, secret)
    if not hmac.compare_digest(genuine.encode(), query.get("signature", "").encode()):
        return False
    return now < float(expires)


def _signature(path: str, expires: str, nonce: str, secret: str) -> str:
    message = f"{path}\n{expires}\n{nonce}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
