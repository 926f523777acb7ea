"""Connections to Redis, and the Lua scripts."""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from manager.errors import UnavailableError
from manager.settings import Settings


def connect(settings: Settings) -> Redis:
    """A client that gives up after seconds rather than hang."""
    return Redis.from_url(
        settings.redis, socket_timeout=5, socket_connect_timeout=3, health_check_interval=15
    )


def ping(settings: Settings) -> None:
    """Raise UnavailableError unless Redis answers."""
    try:
        with connect(settings) as redis:
            redis.ping()
    except RedisError as error:
        raise unavailable(settings, error) from None


def unavailable(settings: Settings, error: RedisError) -> UnavailableError:
    """The same without the URL's password."""
    url = urlsplit(settings.redis)
    where = url.path if url.scheme == "unix" else f"{url.hostname}:{url.port or 6379}"
    return UnavailableError(f"Redis at {where} cannot be reached: {error}")


def lua(name: str) -> str:
    """The text of one of the package's scripts."""
    return files("manager.semaphore").joinpath(f"{name}.lua").read_text()
