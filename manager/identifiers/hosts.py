"""Hosts: what domains, URLs and e-mail addresses have in common."""

from __future__ import annotations

import re
import unicodedata

import idna

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|//", re.IGNORECASE)
_HOST = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])\Z"
)
_PORT = re.compile(r":\d{1,5}\Z")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z|\[.*\]\Z|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\Z")
# What Unicode counts as a full stop in a domain.
_STOPS = re.compile("[\u3002\uff0e\uff61]")


def is_plain(text: str) -> bool:
    """Whether the text is a host as `host_of` would give it: most are."""
    return bool(_HOST.match(text)) and not text.startswith("www.") and "xn--" not in text


def host_of(text: str) -> str:
    """The host with its port and `www.` taken off. Raises ValueError."""
    if is_plain(text):
        return text
    host = plain_host(_PORT.sub("", text) if not _ADDRESS.match(text) else text)
    if host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host


def plain_host(host: str) -> str:
    """The host in lower case and ASCII; every label of it counts. Raises ValueError."""
    host = _STOPS.sub(".", host).rstrip(".").lower()
    if not host.isascii() or "xn--" in host:
        host = ".".join(_ascii(label) for label in _mapped(host).split("."))
    if not _HOST.match(host):
        raise ValueError(f"is not a domain{_why(host)}")
    return host


def _mapped(host: str) -> str:
    """As browsers read it: letter case, width and composition are no difference (UTS 46)."""
    try:
        return idna.uts46_remap(host, std3_rules=True)
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"is not a domain ({error})") from None


def _ascii(label: str) -> str:
    """The label as the DNS has it. One that is so already must be what its letters give."""
    if label.startswith("xn--"):
        try:
            letters = label[4:].encode().decode("punycode")
            again = _ascii(_mapped(letters)) if not letters.isascii() else ""
        except ValueError:
            again = ""
        if again != label:
            raise ValueError(f"is not a domain ({label!r} is wrong punycode)")
        return label
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode()
    except idna.InvalidCodepoint as error:
        if not all(_is_symbol(it) for it in label if not it.isascii()):
            raise ValueError(f"is not a domain ({error})") from None
        return f"xn--{label.encode('punycode').decode()}"  # emoji are registered, if not by IDNA
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"is not a domain ({error})") from None


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" or character == "\u200d"


def _why(host: str) -> str:
    """Which of the common mistakes it is."""
    if _ADDRESS.match(host):
        return " (it is an IP address)"
    if host.startswith("*."):
        return " (it is a wildcard)"
    if "_" in host:
        return " (it contains an underscore)"
    if host and not any(it in host for it in ". "):
        return " (it has no dot)"
    return ""
