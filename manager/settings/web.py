"""What the values of the settings of `enrichd web` may be."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from manager.settings.hosts import is_address, split_port

Role = Literal["viewer", "operator"]
"""A viewer sees everything; an operator may also change something."""

ANYBODY = "*"
"""In `web_proxy_roles`: whomever the proxy names and no other line does."""
SHORTEST_KEY = 32

_USER = re.compile(r"(viewer|operator):sha256:[0-9a-f]{32}:[0-9a-f]{64}")
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")


def _is_user(value: SecretStr) -> SecretStr:
    if not _USER.fullmatch(value.get_secret_value()):
        raise ValueError(
            "must be a role and the hash of a token, operator:sha256:… or viewer:sha256:…, as "
            "`enrichd web-token NAME` prints it; never a token itself"
        )
    return value


def _is_host(value: str) -> str:
    """A name, `*.` before one for all below it, or an address; with or without a port."""
    host, port = split_port(value.strip().lower())
    if is_address(host) or (_HOST.fullmatch(host) and port.isdecimal() | (not port)):
        return value.strip().lower().rstrip(".")
    raise ValueError(
        "must be hosts as browsers name them, like enrich.example.com, *.example.com or "
        "192.0.2.7, without http:// and path"
    )


def _is_network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError(
            "must be addresses or networks, like 10.0.0.7 or 10.0.0.0/8 (without bits behind the "
            "prefix)"
        ) from None


def _is_long(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(
            f"must be random texts of at least {SHORTEST_KEY} characters, like those of "
            "`openssl rand -hex 32`"
        )
    return value


UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@+-]{1,100}$")]
UserToken = Annotated[SecretStr, AfterValidator(_is_user)]
HostName = Annotated[str, AfterValidator(_is_host)]
Network = Annotated[str, AfterValidator(_is_network)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
SessionKey = Annotated[SecretStr, AfterValidator(_is_long)]
