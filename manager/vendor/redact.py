"""Redact: text from outside made fit for messages, logs and the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_TEXT = 300
# Whatever else is in a body, a message needs no more than its beginning.
MAX_READ = 65_536
# Shorter ones are not secrets but the "k" of a test; replacing them would garble every word.
MIN_SECRET = 8

# A pre-signed URL carries its signature in the query; without it the URL is just a place.
_QUERY = re.compile(r"(https?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_USER = re.compile(r"(https?://)[^\s/?#\"'<>@]*@", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = (), limit: int = MAX_TEXT) -> str:
    """The text on one line, without the secrets and the queries of URLs, cut to the limit.

    secrets: replaced wherever they stand; ones under 8 characters are left alone.
    limit: most characters of the answer.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET:
            text = text.replace(secret, "[secret]")
    text = _USER.sub(r"\1", text[:MAX_READ])
    text = _QUERY.sub(r"\1?…", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
