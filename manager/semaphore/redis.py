"""Connections to Redis, all made from one reading of its URL, and the Lua scripts."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from typing import Any

from redis import Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from manager.errors import ConfigurationError, NotRunningError, UnavailableError
from manager.redact import without_passwords
from manager.semaphore import trouble
from manager.settings import Settings, installation
from manager.settings.redis_url import RedisAddress, Tls

# A key that never is; what is added to its list if there is one shows that Redis takes writes.
NOWHERE = "enrichd:nowhere"


class _Telling:
    """A connection whose errors say what they mean; one that cannot serve is closed."""

    def __init__(self, *args: Any, address: RedisAddress, **kwargs: Any) -> None:
        self._address = address
        super().__init__(*args, **kwargs)

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().connect(*args, **kwargs)  # type: ignore[misc]
        except RedisError as error:
            raise self._explained(error) from None

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except RedisError as error:
            explained = self._explained(error)
            if isinstance(explained, trouble.CannotServeError):
                self.disconnect()  # type: ignore[attr-defined]
            if explained is error:
                raise
            raise explained from None

    def _explained(self, error: RedisError) -> RedisError:
        return trouble.explained(error, str(self._address), self._address.username)


class TcpConnection(_Telling, Connection):
    """redis://"""


class TlsConnection(_Telling, SSLConnection):
    """rediss://"""


class UnixConnection(_Telling, UnixDomainSocketConnection):
    """unix://"""


def connection_class(address: RedisAddress) -> type[TcpConnection | TlsConnection | UnixConnection]:
    """What connects to such an address."""
    return UnixConnection if address.path else TlsConnection if address.tls else TcpConnection


def connection_parameters(
    address: RedisAddress, *, timeout: float, connect_timeout: float, health_check: float
) -> dict[str, Any]:
    """What `connection_class` is made with, for the semaphore's client and for Celery's.

    All times are seconds; health_check: how long a connection may be idle before it is tried.
    """
    parameters = {
        "address": address,
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "protocol": 2,
        "socket_timeout": timeout,
        "health_check_interval": health_check,
        # Once more at once, on a new connection: the old one may be dead, or lead to a replica.
        "retry": Retry(NoBackoff(), 1),
    }
    if address.path:
        return parameters | {"path": address.path}
    parameters |= {
        "host": address.host,
        "port": address.port,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
    }
    return parameters | (tls_parameters(address.tls) if address.tls else {})


def tls_parameters(tls: Tls) -> dict[str, Any]:
    """What a `TlsConnection` is made with besides."""
    return {
        "ssl_cert_reqs": tls.verify,
        "ssl_check_hostname": tls.check_hostname and tls.verify != "none",
        "ssl_ca_certs": tls.ca_certs,
        "ssl_ca_path": tls.ca_path,
        "ssl_certfile": tls.certfile,
        "ssl_keyfile": tls.keyfile,
    }


def address_of(settings: Settings) -> RedisAddress:
    """The address that is configured.

    Raises ConfigurationError when there is none, or a file that it names cannot be read.
    """
    address = RedisAddress.parse(settings.redis)
    tls = address.tls or Tls()
    named = {
        "ssl_ca_certs": tls.ca_certs,
        "ssl_ca_path": tls.ca_path,
        "ssl_certfile": tls.certfile,
        "ssl_keyfile": tls.keyfile,
    }
    for name, path in named.items():
        if path and not os.access(path, os.R_OK):
            raise ConfigurationError(f"redis_url: {name}: {path} cannot be read by this process.")
    return address


def connect(settings: Settings) -> Redis:
    """A client that gives up after seconds rather than hang. Raises ConfigurationError."""
    address = address_of(settings)
    parameters = connection_parameters(address, timeout=5, connect_timeout=3, health_check=15)
    pool = ConnectionPool(connection_class=connection_class(address), **parameters)
    return Redis.from_pool(pool)


def ping(settings: Settings) -> None:
    """Raise UnavailableError unless Redis answers and takes writes.

    Raises ConfigurationError for what time does not mend: a wrong password, a missing right, a
    certificate that is not trusted.
    """
    try:
        with connect(settings) as redis:
            redis.lpushx(NOWHERE, "")
    except trouble.MissingRightError:  # it answers; what is missing is told by `check`
        return
    except (trouble.RefusesUserError, trouble.WrongServerError) as error:
        raise ConfigurationError(str(error)) from None
    except RedisError as error:
        raise unavailable(settings, error) from None


def unavailable(settings: Settings, error: RedisError) -> UnavailableError:
    """The same without the URL's password."""
    if isinstance(error, trouble.CannotServeError):
        return UnavailableError(str(error))
    if stopped := installation.not_running(settings.data_dir, settings.redis):
        return NotRunningError(stopped)
    address, reason = RedisAddress.parse(settings.redis), without_passwords(error)
    return UnavailableError(
        f"Redis at {address} cannot be reached: {reason}{_hint(address, reason)}"
    )


def _hint(address: RedisAddress, reason: str) -> str:
    """What a connection that was cut off may mean."""
    cut = re.search(r"reset by peer|closed by server|EOF occurred|broken pipe", reason, re.I)
    if address.scheme == "redis" and cut:
        return ". If it speaks TLS on this port, its URL must begin with rediss://"
    asked = cut or "certificate required" in reason.lower().replace("_", " ")
    if address.tls and asked and not address.tls.certfile:
        return ". If it asks for a client's certificate, name it: ?ssl_certfile=…&ssl_keyfile=…"
    if address.tls and "imeout connecting" in reason:
        return ". If it does not speak TLS on this port, its URL must begin with redis://"
    return ""


def lua(name: str) -> str:
    """The text of one of the package's scripts."""
    return files("manager.semaphore").joinpath(f"{name}.lua").read_text()
