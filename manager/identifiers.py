"""Normalises identifiers: what is sent to the vendor, and the key that decides sameness.

Conservative on purpose: two spellings share a key only when they surely mean the same, since
sameness decides what is bought once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import idna

IdentifierType = Literal[
    "domains",
    "names",
    "professional_network_profile_urls",
    "crustdata_company_ids",
    "business_emails",
]
IDENTIFIER_TYPES: tuple[str, ...] = get_args(IdentifierType)

MAX_CHARACTERS = 2_000
MAX_NAME_CHARACTERS = 500
MAX_MAILBOX_BYTES = 64
MAX_ID = 2**63 - 1

_HOST = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])\Z"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#\\]")
_PORT = re.compile(r":\d{1,5}\Z")
# Unquoted; a quoted one may have anything in it, but nobody's is.
_MAILBOX = re.compile(r"""[^\s.@"(),:;<>\[\]\\]+(?:\.[^\s.@"(),:;<>\[\]\\]+)*\Z""")
_DIGITS = re.compile(r"[0-9]+\Z")


class Identifier(NamedTuple):
    """A normalised identifier: what decides sameness, and what is submitted."""

    key: str
    identifier: str


def normalise(identifier_type: IdentifierType, value: object) -> Identifier:
    """Return the key and the submitted form of `value`.

    Raises ValueError with the reason when it cannot be an identifier of that type.
    """
    return NORMALISERS[identifier_type](value)


def submitted(identifier_type: str, identifier: str) -> str | int:
    """The identifier, normalised, as the JSON value that the vendor wants."""
    return int(identifier) if identifier_type == "crustdata_company_ids" else identifier


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {type(value).__name__}")
    text = value.strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} characters")
    if not text.isascii() or not text.isprintable():
        for character in text:
            if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\n\r\v\f":
                raise ValueError(f"contains the character U+{ord(character):04X}")
    return text


def _domain(value: object) -> Identifier:
    host = _host(_text(value))
    return Identifier(host, host)


def _host(text: str) -> str:
    """The host that a domain or URL names: lower case, in ASCII, without www. and port."""
    if _HOST.match(text) and not text.startswith("www."):
        return text
    host = _END_OF_HOST.split(_SCHEME.sub("", text, count=1), maxsplit=1)[0]
    if "@" in host:
        raise ValueError("is not a domain (it contains @)")
    host = _plain_host(_PORT.sub("", host))
    if host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host


def _plain_host(host: str) -> str:
    """The host in lower case and ASCII; every label of it counts."""
    host = host.rstrip(".").lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"is not a domain ({error})") from None
    if not _HOST.match(host):
        raise ValueError("is not a domain")
    return host


def _profile_url(value: object) -> Identifier:
    text = _text(value)
    if any(character.isspace() for character in text):
        raise ValueError("is not a URL (it contains white space)")
    scheme = _SCHEME.match(text)
    if scheme and scheme.group().lower() not in {"http://", "https://"}:
        raise ValueError("is not an http or https URL")
    try:
        url = urlsplit(text if scheme else f"https://{text}")
    except ValueError:
        raise ValueError("is not a URL") from None
    path = re.sub("/+", "/", url.path).rstrip("/")
    if not path:
        raise ValueError("is not a profile URL (it has no path)")
    identifier = f"https://{_host(url.netloc)}{path}"
    if (
        len(identifier.encode()) > MAX_CHARACTERS
    ):  # the most that an index of Postgres takes, nearly
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} bytes")
    return Identifier(identifier, identifier)


def _company_id(value: object) -> Identifier:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a positive integer, not {type(value).__name__}")
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 40 or not _DIGITS.match(text):
            raise ValueError("is not a positive integer")
        value = int(text)
    if not 0 < value <= MAX_ID:
        raise ValueError(f"is not between 1 and {MAX_ID}")
    return Identifier(str(value), str(value))


def _name(value: object) -> Identifier:
    name = unicodedata.normalize("NFC", " ".join(_text(value).split()))
    if not name:
        raise ValueError("is empty")
    if len(name) > MAX_NAME_CHARACTERS:
        raise ValueError(f"is longer than {MAX_NAME_CHARACTERS} characters")
    return Identifier(unicodedata.normalize("NFC", name.casefold()), name)


def _email(value: object) -> Identifier:
    """Case is no difference to any mail server there is, but what is sent keeps it."""
    text = unicodedata.normalize("NFC", _text(value))
    mailbox, at, host = text.partition("@")
    if not at or "@" in host:
        raise ValueError("is not an e-mail address (it has not exactly one @)")
    if not _MAILBOX.match(mailbox) or len(mailbox.encode()) > MAX_MAILBOX_BYTES:
        raise ValueError("is not an e-mail address (what stands before the @ cannot be a mailbox)")
    try:
        host = _plain_host(host)
    except ValueError as error:
        raise ValueError(f"is not an e-mail address (what follows the @ {error})") from None
    key = unicodedata.normalize("NFC", mailbox.casefold())
    return Identifier(f"{key}@{host}", f"{mailbox}@{host}")


NORMALISERS: dict[str, Callable[[object], Identifier]] = {
    "domains": _domain,
    "names": _name,
    "professional_network_profile_urls": _profile_url,
    "crustdata_company_ids": _company_id,
    "business_emails": _email,
}
