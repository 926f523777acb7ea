"""The one reading of Redis's URL, of which all clients are made; no message has a password."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast, get_args
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import AfterValidator, SecretStr

NOT_A_URL = "is not a valid URL; special characters in it must be percent-encoded"
SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "valkey": "redis",
    "valkeys": "rediss",
    "unix": "unix",
}
PORT = 6379

Verify = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted, and who is believed. Paths are those of files, or of a folder.

    verify: `none` believes anybody. check_hostname: whether the certificate must be the host's.
    """

    verify: Verify = "required"
    check_hostname: bool = True
    ca_certs: str | None = None
    ca_path: str | None = None
    certfile: str | None = None
    keyfile: str | None = None


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, and as whom it is entered.

    path: of its socket; then host and port mean nothing. tls: None without.
    """

    host: str = "localhost"
    port: int = PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None

    def __str__(self) -> str:
        """Where it is, for messages."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def scheme(self) -> str:
        """What its URL begins with."""
        return "unix" if self.path else "rediss" if self.tls else "redis"

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Read a URL. Raises ValueError, which names what is wrong and never the password."""
        parts = _split(url)
        given = _parameters(parts.query)
        tls = {name: given.pop(name) for name in list(given) if name.startswith("ssl_")}
        if unknown := sorted(set(given) - {"db", "username", "password"}):
            raise ValueError(f"has {_named(unknown)}, unknown here. {_KNOWN}")
        scheme = SCHEMES[parts.scheme]
        if tls and scheme != "rediss":
            raise ValueError(f"has {_named(sorted(tls))}, only for rediss://")
        path = _decoded(parts.path) if scheme == "unix" else None
        if path is not None and (parts.hostname or path in ("", "/")):
            raise ValueError("names no socket: unix:///path/to/redis.sock?db=0, three slashes")
        return cls(
            host=_decoded(parts.hostname or "localhost"),
            port=parts.port or PORT,
            path=path,
            db=_database("" if path else parts.path, given.get("db")),
            username=_once("user", parts.username, given.get("username")),
            password=_once("password", parts.password, given.get("password")),
            tls=_tls(tls) if scheme == "rediss" else None,
        )

    def url(self, *, with_password: bool = False) -> str:
        """The URL as Celery's tools write it; the password is masked unless asked for."""
        secret = quote(self.password or "", safe="") if with_password else "**"
        user = quote(self.username or "", safe="")
        entry = f"{user}:{secret}@" if self.password else f"{user}@" if user else ""
        if self.path:
            return f"redis+socket://{entry}{quote(self.path)}?virtual_host={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{entry}{host}:{self.port}/{self.db}"


def _split(url: str) -> SplitResult:
    scheme, separator, rest = url.partition("://")
    if "sentinel" in scheme.lower():
        raise ValueError(
            "names a Sentinel, which is not supported: name the primary itself, or a DNS name or "
            "proxy that leads to it after a failover, too, with redis:// or rediss://"
        )
    if "cluster" in scheme.lower():
        raise ValueError("names a Cluster, which is not supported: name a single server, redis://")
    if not separator or scheme.lower() not in SCHEMES:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    entry, _, after = rest.partition("?")
    authority, _, path = entry.partition("/")
    # A character that ends the password would make its rest a path or a parameter, and be shown.
    if "#" in rest or "@" in path + after or authority.count("@") > 1:
        raise ValueError(NOT_A_URL)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:  # its message may have the password in it
        raise ValueError(NOT_A_URL) from None
    if re.search(r"\s", url) or ("," in authority.rpartition("@")[2]):
        raise ValueError("must name one server, without spaces")
    return parts


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if name in found:
            raise ValueError(f"has {_named([name])} twice")
        found[name] = _decoded(value)
    return found


def _database(path: str, given: str | None) -> int:
    texts = {text for text in (_decoded(path).strip("/"), given) if text not in ("", None)}
    if given == "" or not all(re.fullmatch(r"[0-9]{1,6}", str(text)) for text in texts):
        raise ValueError("must end with the number of a database, like /0 or ?db=0")
    numbers = {int(str(text)) for text in texts}
    if len(numbers) > 1:
        raise ValueError(f"names two databases, {' and '.join(map(str, sorted(numbers)))}")
    return numbers.pop() if numbers else 0


def _once(what: str, in_front: str | None, given: str | None) -> str | None:
    if in_front and given:
        raise ValueError(f"has a {what} twice, before the host and as a parameter")
    return _decoded(in_front or "") or given or None


def _tls(given: dict[str, str]) -> Tls:
    if unknown := sorted(set(given) - _TLS.keys()):
        raise ValueError(f"has {_named(unknown)}, unknown here. {_KNOWN}")
    read = {_TLS[name][0]: _TLS[name][1](name, value) for name, value in given.items()}
    tls = Tls(**read)  # type: ignore[arg-type]
    if tls.keyfile and not tls.certfile:
        raise ValueError("has ssl_keyfile without ssl_certfile")
    if tls.verify == "none" and read.get("check_hostname"):
        raise ValueError("has ssl_check_hostname=true, which ssl_cert_reqs=none contradicts")
    return tls


def _verify(name: str, value: str) -> Verify:
    word = value.lower().removeprefix("ssl.").removeprefix("cert_")
    if word not in get_args(Verify):
        raise ValueError(f"has an {name} that is not one of {', '.join(get_args(Verify))}")
    return cast(Verify, word)


def _yes(name: str, value: str) -> bool:
    answers = dict.fromkeys(("true", "1", "yes", "on"), True)
    answers |= dict.fromkeys(("false", "0", "no", "off"), False)
    if value.lower() not in answers:
        raise ValueError(f"has an {name} that is neither true nor false")
    return answers[value.lower()]


def _file(name: str, value: str) -> str:
    if not value:
        raise ValueError(f"has an {name} without a path")
    return value


_TLS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "ssl_cert_reqs": ("verify", _verify),
    "ssl_check_hostname": ("check_hostname", _yes),
    "ssl_ca_certs": ("ca_certs", _file),
    "ssl_ca_path": ("ca_path", _file),
    "ssl_certfile": ("certfile", _file),
    "ssl_keyfile": ("keyfile", _file),
}
_KNOWN = f"Known are db, username, password, and with rediss:// {', '.join(_TLS)}"


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(NOT_A_URL) from None


def _named(names: list[str]) -> str:
    """The parameters' names, unless one might be something else, which is not shown."""
    shown = [f"?{name}" if re.fullmatch(r"\w{1,40}", name) else "a parameter" for name in names]
    return ", ".join(dict.fromkeys(shown))


def _is_redis(value: SecretStr) -> SecretStr:
    RedisAddress.parse(value.get_secret_value())
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_is_redis)]
