"""What the values of settings may be; no message has a password in it."""

from __future__ import annotations

import json
from base64 import b64decode
from decimal import Decimal
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from psycopg import ProgrammingError
from pydantic import AfterValidator, Field, SecretStr

from manager.settings import postgres
from manager.targets import Guard, Named, parse

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


def from_json(value: object) -> object:
    """A list or a table that was written as JSON, as in the environment; numbers stay exact."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_float=Decimal)
    except ValueError:
        raise ValueError('must be JSON, like ["a", "b"] or {"a": "b"}') from None


def _is_target(text: str) -> str:
    parse(text)
    return text


def _is_address(value: SecretStr) -> SecretStr:
    if isinstance(parse(value.get_secret_value()), Named):
        raise ValueError("must be https://HOST/PATH, task:NAME@BROKER or pg:CHANNEL")
    return value


def _may_be_allowed(entry: str) -> str:
    Guard([entry])
    return entry


def _is_secret_of_webhooks(value: SecretStr) -> SecretStr:
    prefix, _, encoded = value.get_secret_value().partition("_")
    try:
        size = len(b64decode(encoded, validate=True))
    except ValueError:
        size = 0
    if prefix != "whsec" or not 24 <= size <= 64:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return value


def _is_broker(value: SecretStr) -> SecretStr:
    scheme, separator, _ = value.get_secret_value().partition("://")
    if not separator or scheme not in {"redis", "rediss", "sentinel", "amqp", "amqps"}:
        raise ValueError("must begin with redis://, rediss://, sentinel://, amqp:// or amqps://")
    return value


Seconds = Annotated[float, Field(ge=0, le=30 * 86400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=30 * 86400)]
Days = Annotated[float, Field(ge=0, le=36_500)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
PositiveCount = Annotated[int, Field(ge=1, le=2**31 - 1)]

PostgresUrl = Annotated[SecretStr, AfterValidator(_is_postgres)]
HttpUrl = Annotated[str, AfterValidator(_is_http)]

TargetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]
AccountName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]
TargetText = Annotated[str, AfterValidator(_is_target)]
TargetAddress = Annotated[SecretStr, AfterValidator(_is_address)]
AllowedTarget = Annotated[str, AfterValidator(_may_be_allowed)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_is_secret_of_webhooks)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_is_broker)]
Cap = Annotated[int, Field(ge=1, le=100)]
CallsPerMinute = Annotated[int, Field(ge=1)]
