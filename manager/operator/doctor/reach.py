"""Reach: name, connection and TLS of an address, looked at one by one before HTTP is spoken."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from psycopg import ConnectionInfo

from manager.operator.doctor.case import CONNECT
from manager.operator.doctor.finding import Finding, ok, problem, warning
from manager.operator.words import duration
from manager.settings.hosts import is_loopback

# A certificate that ends sooner should have been renewed.
RENEWED = 14.0


def reach(setting: str, base: str) -> Iterator[Finding]:
    """Whether the URL's host can be reached, and its certificate; a proxy of the environment is
    only named, since it is for the call itself to find out what that allows.
    """
    url = urlsplit(base)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if proxy := _proxy(url.scheme, host):
        yield ok("reached", f"{host} through the proxy {proxy} of the environment")
        return
    began = time.monotonic()
    try:
        connection = socket.create_connection((host, port), timeout=CONNECT)
    except socket.gaierror as error:
        yield problem(
            "reached",
            f"{host} has no address here: {error.strerror or error}",
            f"Correct {setting}, or this machine's DNS.",
        )
        return
    except OSError as error:
        yield problem(
            "reached",
            f"{host}:{port} cannot be reached: {error.strerror or error}",
            f"Correct {setting}, or let this machine's firewall, or a proxy (HTTPS_PROXY), let "
            "it out.",
        )
        return
    with connection:
        yield ok("reached", f"{host}:{port} answers within {duration(time.monotonic() - began)}")
        if url.scheme == "https":
            yield from _tls(connection, host)


def _tls(connection: socket.socket, host: str) -> Iterator[Finding]:
    try:
        with httpx.create_ssl_context().wrap_socket(connection, server_hostname=host) as secured:
            version, certificate = secured.version(), secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield problem(
            "TLS",
            f"the certificate of {host} is not accepted: {error.verify_message}",
            "If a proxy of yours stands in between, name its authority in SSL_CERT_FILE; otherwise "
            "whoever answers there is not whom you mean.",
        )
        return
    except OSError as error:
        yield problem(
            "TLS",
            f"{host} does not speak it: {getattr(error, 'reason', None) or error}",
            "Correct the URL's scheme or port.",
        )
        return
    days = _days_left(certificate)
    left = "" if days is None else f", the certificate is good for {days:.0f} days"
    if days is not None and days < RENEWED:
        yield warning("TLS", f"{version}{left}", f"Whoever runs {host} must renew it.")
    else:
        yield ok("TLS", f"{version}{left}")


def _days_left(certificate: dict[str, Any]) -> float | None:
    ends = certificate.get("notAfter")
    if not isinstance(ends, str):
        return None
    left = ssl.cert_time_to_seconds(ends) - datetime.now(UTC).timestamp()
    return left / 86_400


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that httpx would use, as the environment names it, without its password."""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    return urlsplit(url).netloc.rpartition("@")[2] or url if url else None


def is_local(info: ConnectionInfo) -> bool:
    """Whether the connection to Postgres does not leave this machine."""
    return info.host.startswith("/") or is_loopback(info.host or "localhost")
