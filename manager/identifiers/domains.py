"""Companies' domains, as they are or inside a web address."""

from __future__ import annotations

import re

from manager.identifiers.hosts import SCHEME, host_of, is_plain
from manager.identifiers.profile_urls import is_profile
from manager.identifiers.text import text_of
from manager.identifiers.types import Identifier

_END_OF_HOST = re.compile(r"[/?#]")


def domain(value: object) -> Identifier:
    """The domain that a domain or a web address names. Raises ValueError."""
    text = text_of(value)
    if is_plain(text):
        return Identifier(text, text)
    text = text.replace("\\", "/")
    scheme = SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    host, *path = _END_OF_HOST.split(rest, maxsplit=1)
    if "@" in host:
        if not scheme:
            raise ValueError("is not a domain (it contains @, as e-mail addresses do)")
        host = host.rpartition("@")[2]
    host = host_of(host)
    if path and is_profile(host, path[0]):
        raise ValueError(
            "is a profile, not a company's own domain; look it up as one of the "
            "professional_network_profile_urls"
        )
    return Identifier(host, host)
