"""What the values of settings may be; no message has a password in it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from psycopg import ProgrammingError
from pydantic import AfterValidator, Field, SecretStr

from manager.settings import postgres

_NOT_A_URL = "is not a valid URL; special characters in it must be percent-encoded"


def _is_postgres(value: SecretStr) -> SecretStr:
    scheme, separator, rest = value.get_secret_value().partition("://")
    if scheme not in postgres.SCHEMES or not separator:
        raise ValueError("must begin with postgresql://")
    url = f"postgresql://{rest}"
    if _is_cut_short(rest):
        raise ValueError(_NOT_A_URL)
    if trouble := postgres.trouble(url):
        # a password with a ? in it goes on among the parameters, up to an @
        raise ValueError(_NOT_A_URL if "@" in rest.partition("?")[2] else trouble)
    try:
        ports = postgres.parameters(url).get("port", "").split(",")
    except ProgrammingError:  # its message has the whole URL in it
        raise ValueError(_NOT_A_URL) from None
    if not all(port.isdecimal() or not port for port in ports):
        raise ValueError(_NOT_A_URL)
    return SecretStr(url)


def _is_http(value: str) -> str:
    url = _split(value)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    if url.username is not None or url.password is not None:
        raise ValueError("must not contain a user name or password")
    if url.query:
        raise ValueError("must not contain a query: paths are added to it")
    return value.rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:  # its message may have the password in it
        raise ValueError(_NOT_A_URL) from None
    if parts.fragment or _is_cut_short(url.partition("://")[2]):
        raise ValueError(_NOT_A_URL)
    return parts


def _is_cut_short(rest: str) -> bool:
    """Whether the password holds a character that ends it, so that its rest counts as a path.

    It would be shown then, as the name of a database for example.
    """
    authority, _, path = rest.partition("?")[0].partition("/")
    return "@" in path or authority.count("@") > 1


Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=30 * 86400)]
Days = Annotated[float, Field(ge=0, le=36_500)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
PositiveCount = Annotated[int, Field(ge=1, le=2**31 - 1)]

PostgresUrl = Annotated[SecretStr, AfterValidator(_is_postgres)]
HttpUrl = Annotated[str, AfterValidator(_is_http)]

AccountName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]
Cap = Annotated[int, Field(ge=1, le=100)]
CallsPerMinute = Annotated[int, Field(ge=1)]
