"""Redact: text made fit for messages, logs and the ledger: nothing secret in it, nothing forged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

HIDDEN = "[secret]"
MAX_TEXT = 300
# Whatever else is in a body, a message needs no more than its beginning.
MAX_READ = 65_536
# Shorter ones are not secrets but the "k" of a test; replacing them would garble every word.
MIN_SECRET = 8

# Every pattern eats what it looks at, or looks at few characters: no text takes long.
_PASSWORD = re.compile(r"(\w://[^\s:/@]*):[^\s/]*@")
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,20}://)([^\s\"'<>]*)", re.IGNORECASE)
# A webhook of ours is believed for the token in its path.
_WEBHOOK = re.compile(r"(/webhooks/[0-9a-f-]{8,36}/)[^\s/?#\"'<>]+", re.IGNORECASE)
# What signs webhooks, and what users of the web come in with.
_OURS = re.compile(r"\b(whsec_)[A-Za-z0-9+/]{32,}=*|\b(enrichd_)[A-Za-z0-9_-]{43}\b")
# Whatever scheme it has, such as `Token` or `AWS4-HMAC-SHA256`.
_AUTHORIZATION = re.compile(
    r"(authorization[\"']?\s{0,3}[=:]\s{0,3}[\"']?[\w-]{1,30})\s{1,3}[\w.~+/=-]{6,}", re.IGNORECASE
)
_SCHEME = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_WORDS = (
    r"password|passwd|passphrase|secret|token|api[-_ ]?key|authorization|signature|credentials?"
    r"|cookie|x-amz-[a-z-]{1,40}"
)
_NAMED = re.compile(
    rf"(?P<name>(?:{_WORDS}|\bsig|\bpwd)[\"']?\s{{0,3}}[=:]\s{{0,3}})"
    r"(?P<value>(?:(?:bearer|basic) )?…|'[^']*'?|\"[^\"]*\"?|[^\s&,;)}\]\"']+)",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = (), limit: int = MAX_TEXT) -> str:
    """The text on one line, without what is secret in it, cut to the limit.

    secrets: replaced wherever they stand; ones under 8 characters are left alone.
    limit: most characters of the answer.
    """
    text = _without_known(text, secrets)
    text = _without_looks(text[:MAX_READ])
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def hide(text: str, secrets: Iterable[str] = ()) -> str:
    """The whole text, without what is secret in it: the secrets, however they are written (in a
    URL, in JSON, as Python shows them), and what looks like one.
    """
    return _without_looks(_without_known(text, secrets))


def without_passwords(message: object) -> str:
    """The message on one line, with what may be a password in it left out."""
    text = " ".join(str(message).split()) or type(message).__name__
    return _without_looks(text).removesuffix(".")


def names_secret(name: str) -> bool:
    """Whether what is called so is a secret, whatever it looks like."""
    return _SECRET_NAME.search(name) is not None


def _without_known(text: str, secrets: Iterable[str]) -> str:
    pattern = _known(frozenset(secrets))
    return pattern.sub(HIDDEN, text) if pattern else text


@lru_cache(maxsize=64)
def _known(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """What finds the secrets, the longest first."""
    written = {form for it in secrets if len(it) >= MIN_SECRET for form in _forms(it)}
    longest_first = sorted(written, key=lambda it: (-len(it), it))
    return re.compile("|".join(map(re.escape, longest_first))) if written else None


def _forms(secret: str) -> Iterable[str]:
    yield secret
    encoded = secret.encode(errors="surrogatepass")
    yield from (quote(encoded, safe=""), quote(encoded), quote_plus(encoded))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield repr(encoded)[2:-1]


def _without_looks(text: str) -> str:
    """Without what looks like a secret."""
    if "://" in text:
        text = _PASSWORD.sub(r"\1:…@", text)
        text = _URL.sub(_shown_url, text)
    text = _WEBHOOK.sub(r"\1…", text)
    text = _OURS.sub(lambda it: f"{it[1] or it[2]}…", text)
    text = _AUTHORIZATION.sub(r"\1 …", text)
    text = _SCHEME.sub(r"\1\2…", text)
    return _NAMED.sub(_shown_value, text)


def _shown_url(url: re.Match[str]) -> str:
    """A place, and no more: a pre-signed one has its signature in the query, others a password."""
    scheme, rest = url[1], url[2]
    found = re.search(r"[?#]", rest)
    place, more = (rest[: found.start()], rest[found.start() :]) if found else (rest, "")
    if scheme.lower() in ("http://", "https://"):
        authority, slash, path = place.partition("/")
        place = authority.rpartition("@")[2] + slash + path
    elif "@" in place:
        user, _, host = place.rpartition("@")
        place = f"{_user(user)}@{host}"
    elif "@" in more and ":" in place:  # a password with such a character in it
        return scheme + _user(place)
    return f"{scheme}{place}{'?…' if more else ''}"


def _user(given: str) -> str:
    name, colon, _ = given.partition(":")
    return f"{name}:…" if colon else name


def _shown_value(found: re.Match[str]) -> str:
    value = found["value"]
    return found[0] if value == HIDDEN else f"{found['name']}…"
