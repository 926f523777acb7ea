"""Links: where results may be fetched from. A link comes from outside and may lead anywhere."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import httpx

from manager.settings import Settings
from manager.settings.hosts import is_loopback
from manager.vendor.errors import DownloadRefused

# Others mean one host to us and another to a proxy: "evil.example\\.amazonaws.com".
_HOST = re.compile(r"[a-z0-9._:-]+")


def allowed(url: str, settings: Settings, vendor_url: str) -> None:
    """Raise DownloadRefused unless results may be fetched from there.

    Allowed are https to a host of `vendor_download_hosts`, and the vendor's own host over https
    or its own scheme; any name and port of this machine when the vendor is on it, too.
    """
    checked(url, settings, vendor_url)


def checked(
    url: str, settings: Settings, vendor_url: str, base: httpx.URL | None = None
) -> httpx.URL:
    """The URL as it will be sent, so that what is checked and what is called are one.

    base: what a redirect's location is relative to. Raises DownloadRefused.
    """
    try:
        link = base.join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise DownloadRefused("A link to results is not a URL.") from None
    host = _host(link)
    if link.userinfo:
        raise DownloadRefused(f"A link to results on {host} has a user name or password in it.")
    if not _is_allowed(link, host, settings, httpx.URL(vendor_url)):
        raise DownloadRefused(
            f"Results are not fetched from {link.scheme}://{host}. "
            "If that is where the vendor keeps them, add it to vendor_download_hosts."
        )
    return link


def _is_allowed(link: httpx.URL, host: str, settings: Settings, vendor: httpx.URL) -> bool:
    if not _HOST.fullmatch(host) or link.scheme not in ("http", "https"):
        return False
    if host == _host(vendor) and link.scheme in ("https", vendor.scheme):
        return True
    if is_loopback(_host(vendor)) and is_loopback(host):
        return True
    patterns = settings.vendor_download_hosts
    return link.scheme == "https" and any(fnmatchcase(host, it.lower()) for it in patterns)


def _host(url: httpx.URL) -> str:
    """As it goes over the wire: lower-case, IDNA-encoded."""
    return url.raw_host.decode("ascii").lower().rstrip(".")
