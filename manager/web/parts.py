"""The parts of the web, and where each may be served. It loads nothing of the web itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from manager.errors import ConfigurationError, InvalidRequestError
from manager.settings import Settings
from manager.settings.hosts import is_loopback

Part = Literal["console", "metrics", "webhooks"]
PARTS: tuple[Part, ...] = get_args(Part)


class Served(NamedTuple):
    """Where parts are served."""

    host: str
    port: int
    parts: tuple[Part, ...]


def read_parts(text: str) -> tuple[Part, ...]:
    """The parts that `--only` names, separated by commas. Raises InvalidRequestError."""
    given = text.split(",")
    if unknown := sorted(set(given) - set(PARTS)):
        raise InvalidRequestError(
            f"--only: {', '.join(map(repr, unknown))}: the parts are {', '.join(PARTS)}."
        )
    return tuple(part for part in PARTS if part in given)


def served_at(settings: Settings, only: Sequence[Part] | None = None) -> list[Served]:
    """Where `enrichd web` listens, and with what: all of it, or `only` some parts.

    Raises ConfigurationError where more would be let in than whoever is on this machine, and nobody
    has to say who he is; and when nobody could come in at all.
    """
    if settings.web_proxy_header and not settings.web_proxy_addresses:
        raise ConfigurationError(
            f"web_proxy_header: {settings.web_proxy_header} is believed of nobody unless "
            "web_proxy_addresses names the proxy."
        )
    host, port = settings.web_host, settings.web_port
    apart = settings.web_webhooks_port
    if only:
        found = [Served(host, port, tuple(only))]
    elif apart is None:
        found = [Served(host, port, PARTS)]
    else:
        found = [
            Served(host, port, ("console", "metrics")),
            Served(settings.web_webhooks_host or host, apart, ("webhooks",)),
        ]
    for it in found:
        _refuse_strangers(settings, it)
    return found


def _refuse_strangers(settings: Settings, served: Served) -> None:
    login = settings.web_users or settings.web_proxy_header or settings.web_open
    if login or is_loopback(served.host) or served.parts == ("webhooks",):
        return
    raise ConfigurationError(
        f"At {served.host} everybody who reaches this machine could enter, since web_users is "
        "empty. Let `enrichd web-token NAME --role operator` make a user, or name the proxy that "
        "asks for a login (web_proxy_addresses and web_proxy_header), or listen on 127.0.0.1 "
        "(web_host). Webhooks alone need no login: `enrichd web --only webhooks`. With "
        "web_open = true it is served as it is."
    )
