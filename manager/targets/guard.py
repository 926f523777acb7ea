"""The guard: whom a webhook may reach, so that nobody can make the daemon ask inside its network.

What a URL says is looked at when it is given, and again, with the addresses that its name leads to,
just before it is told: the connection goes to the very address that was looked at, so a name that
changes its mind in between gains nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from manager.errors import InvalidRequestError
from manager.targets.address import Webhook

Ip: TypeAlias = IPv4Address | IPv6Address

PORTS = (443, 8443)
_NAME = re.compile(
    r"(?P<host>(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?"
)
# Names that lead nowhere but into one's own network.
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
# Besides what `ipaddress` does not call global: networks that carry others' addresses in them, or
# lead elsewhere than they say.
_NOT_PUBLIC = [
    ip_network(it)
    for it in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "fec0::/10",
        "ff00::/8",
        "::/96",
    )
]
_NAT64 = ip_network("64:ff9b::/96")


class RefusedTargetError(InvalidRequestError):
    """The target is one that must not be told, unless the settings allow it."""


class Guard:
    """What `notify_allow` lets be told besides public hosts, over https, on their usual port.

    allow: networks (`10.0.0.0/8`), addresses, names (`hooks`, `*.svc.cluster.local`), these also
    with a port (`hooks:8080`). A name allows any address, port and http; a network its addresses,
    written as such or behind a name. Raises InvalidRequestError for what is none of these.
    """

    def __init__(self, allow: Sequence[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._names: list[tuple[str, int | None]] = []
        for entry in allow:
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._names.append(_named(entry))

    def check(self, hook: Webhook) -> None:
        """Raise RefusedTargetError for what its URL alone shows that must not be told."""
        if self._names_it(hook):
            return
        address = _as_address(hook.host)
        if address is not None and self._in_network(address):
            return
        if hook.scheme != "https":
            raise self._refused(hook, "it is not https")
        if hook.port not in PORTS:
            raise self._refused(hook, f"port {hook.port} is neither {PORTS[0]} nor {PORTS[1]}")
        if address is None and _is_inside(hook.host):
            raise self._refused(hook, "the name leads into one's own network")
        if address is not None and not is_public(address):
            raise self._refused(hook, f"{address} is not a public address")

    def addresses(self, hook: Webhook) -> list[str]:
        """Where a connection may go, by its name's answer of this moment.

        Raises RefusedTargetError when any of them must not be reached, OSError when there are none.
        """
        self.check(hook)
        try:
            found = socket.getaddrinfo(hook.host, hook.port, type=socket.SOCK_STREAM)
        except UnicodeError:  # parts of it are empty or too long: no name has such
            raise OSError("there is no such name") from None
        addresses = list(dict.fromkeys(str(it[4][0]) for it in found))
        if self._names_it(hook):
            return addresses
        for it in addresses:
            address = ip_address(it.partition("%")[0])
            if not (is_public(address) or self._in_network(address)):
                raise self._refused(hook, f"it leads to {address}, which is not a public address")
        return addresses

    def _names_it(self, hook: Webhook) -> bool:
        return any(
            _is_like(hook.host, name) and port in (None, hook.port) for name, port in self._names
        )

    def _in_network(self, address: Ip) -> bool:
        plain = _unmapped(address)
        return any(plain in it for it in self._networks if it.version == plain.version)

    def _refused(self, hook: Webhook, why: str) -> RefusedTargetError:
        return RefusedTargetError(
            f"notify: {hook.scheme}://{hook.authority} must not be told: {why}. Where it is meant, "
            f"name it in notify_allow, such as {hook.host!r}, for the callers and for the daemon."
        )


def is_public(address: Ip) -> bool:
    """Whether it is one of the Internet, and none that carries another address in it."""
    address = _unmapped(address)
    if any(address in it for it in _NOT_PUBLIC if it.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unmapped(address: Ip) -> Ip:
    """The address of IPv4 that it stands for: a mapped one, or one of NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _named(entry: str) -> tuple[str, int | None]:
    found = _NAME.fullmatch(entry)
    if found is None:
        raise InvalidRequestError(
            f"notify_allow: {entry[:80]!r} is no network (10.0.0.0/8), address or name of a host "
            "(hooks.example.com, *.svc.cluster.local, hooks:8080)."
        )
    return found["host"].strip("[]").lower(), int(found["port"]) if found["port"] else None


def _as_address(host: str) -> Ip | None:
    """The address that the host is, however it is written: 127.1 and 0x7f000001 are ones, too."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_inside(host: str) -> bool:
    return "." not in host or any(host == it or host.endswith(f".{it}") for it in _INSIDE)


def _is_like(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
