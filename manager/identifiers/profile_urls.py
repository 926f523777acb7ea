"""Profiles of companies and people on the professional network.

Of its addresses the first part of the path says what kind of profile it is, the second whose; what
follows are pages of the same profile. The form that is sent is a plain URL: no `www.`, lower case,
and percent-encoded, as a browser sends it.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes, urlsplit

from manager.identifiers.hosts import SCHEME, host_of
from manager.identifiers.text import MAX_CHARACTERS, text_of, visible
from manager.identifiers.types import Identifier

NETWORK = "linkedin.com"
# The network's hosts: by country, as ISO 3166 has them and for the United Kingdom, and for phones.
_COUNTRIES = (
    "ad ae af ag ai al am ao ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw "
    "by bz ca cd cf cg ch ci ck cl cm cn co cr cu cv cw cy cz de dj dk dm do dz ec ee eg er es et "
    "eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gt gu gw gy hk hn hr ht hu id "
    "ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls "
    "lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng "
    "ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pr ps pt pw py qa re ro rs ru rw sa sb sc sd "
    "se sg si sk sl sm sn so sr ss st sv sy sz tc td tg th tj tl tm tn to tr tt tv tw tz ua ug uk "
    "us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_HOSTS = {f"{it}.{NETWORK}" for it in (*_COUNTRIES.split(), "m", "mobile", "touch")} | {NETWORK}
# How many parts of the path after the kind say whose it is.
_KINDS = {"company": 1, "school": 1, "showcase": 1, "in": 1, "pub": 4}
# What stands before the kind in the addresses of pages for phones and of links in its e-mails.
_PREFIXES = {"mwlite", "comm", "organization-guest"}
# Ids of people that are told apart by letter case.
_MEMBER = re.compile(r"A[A-Z][A-Za-z0-9]A[A-Za-z0-9_-]{30,}\Z")
# What most look like: nothing is left to be decided.
_USUAL = re.compile(
    r"https?://(?:www\.)?linkedin\.com/((?:company|school|showcase|in)/[a-z0-9-]+)/?\Z"
)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# What a part of a path may have in it as it is (RFC 3986: pchar).
_SAFE = "!$&'()*+,;=:@~"


def profile_url(value: object) -> Identifier:
    """The profile's address. Raises ValueError."""
    text = text_of(value)
    if usual := _USUAL.match(text):
        address = f"https://{NETWORK}/{usual[1]}"
        return Identifier(address, address)
    text = text.replace("\\", "/")
    if any(character.isspace() for character in text):
        raise ValueError("is not a URL (it contains white space)")
    scheme = SCHEME.match(text)
    if scheme and scheme.group().lower() not in {"http://", "https://", "//"}:
        raise ValueError("is not an http or https URL")
    try:
        url = urlsplit(f"https://{text[scheme.end() :] if scheme else text}")
    except ValueError:
        raise ValueError("is not a URL") from None
    host = host_of(_without_user(url.netloc, scheme is not None))
    parts = [part for part in url.path.split("/") if part]
    if host in _HOSTS:
        host, parts = NETWORK, _of_network(parts)
        query = "" if _is_known(parts) else url.query
    else:
        parts = [_encoded(_decoded(part)) for part in parts]
        query = url.query
    if not parts:
        raise ValueError("is not a profile URL (it has no path)")
    if not {".", ".."}.isdisjoint(parts):
        raise ValueError("is not a profile URL (its path goes up and down)")
    address = f"https://{host}/{'/'.join(parts)}"
    if query:
        address += f"?{quote(query, safe=_SAFE + '%/?')}"
    if len(address) > MAX_CHARACTERS:  # the most that an index of Postgres takes, nearly
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} bytes")
    return Identifier(address, address)


def is_profile(host: str, path: str) -> bool:
    """Whether it is the address of a profile on the network."""
    kind = path.lstrip("/").partition("/")[0].lower()
    return host in _HOSTS and (kind in _KINDS or kind in _PREFIXES)


def _without_user(netloc: str, has_scheme: bool) -> str:
    _, at, host = netloc.rpartition("@")
    if at and not has_scheme:
        raise ValueError("is not a URL (it contains @, as e-mail addresses do)")
    return host


def _is_known(parts: list[str]) -> bool:
    return bool(parts) and parts[0] in _KINDS


def _of_network(parts: list[str]) -> list[str]:
    """The kind of profile and whose it is. Pages of other kinds are left as they are."""
    while parts and parts[0].lower() in _PREFIXES:
        parts = parts[1:]
    if not parts or parts[0].lower() not in _KINDS:
        return [_encoded(_decoded(part)) for part in parts]
    kind = parts[0].lower()
    whose = [_whose(part) for part in parts[1 : _KINDS[kind] + 1]]
    if not whose or not whose[0]:
        raise ValueError(f"is not a profile URL (nothing follows /{kind}/)")
    if kind == "pub" and whose[0] == "dir":
        raise ValueError("is not a profile URL (it is a list of people)")
    return [kind, *filter(None, whose)]


def _whose(part: str) -> str:
    """One spelling for all of a name: escapes, however often, letter case, the invisible."""
    while (decoded := visible(_decoded(part))) != part:
        part = decoded
    if not _MEMBER.match(part):
        part = unicodedata.normalize("NFC", part.lower())
    return _encoded(part)


def _decoded(part: str) -> str:
    """Without escapes, composed. Bytes that are no UTF-8 are Latin-1, as in old links."""
    return unicodedata.normalize("NFC", _ESCAPES.sub(_letters, part))


def _letters(escapes: re.Match[str]) -> str:
    octets = unquote_to_bytes(escapes[0])
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _encoded(part: str) -> str:
    return quote(part, safe=_SAFE)
