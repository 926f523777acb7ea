"""Hosts as they stand in URLs and headers."""

from __future__ import annotations

import ipaddress


def split_port(host: str) -> tuple[str, str]:
    """A name or address, without brackets, and its port, "" without one."""
    if host.startswith("["):
        address, _, rest = host[1:].partition("]")
        return address, rest.removeprefix(":")
    if host.count(":") > 1:  # an address of version 6 by itself
        return host, ""
    name, _, port = host.partition(":")
    return name, port


def is_address(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
