"""What a proxy before us says of a request is believed if it comes from that proxy."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from manager.settings import Settings


class Proxies:
    """Sets `request.state.address`, the client's, and `request.state.proxied`: the user whom the
    proxy names, "" when it names nobody, None when none is asked. The scheme becomes the client's.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._networks = [ipaddress.ip_network(it) for it in settings.web_proxy_addresses]
        self._header = settings.web_proxy_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer = (scope.get("client") or ("",))[0]
            state = scope.setdefault("state", {})
            state |= {"address": peer, "proxied": None}
            if self._is_proxy(peer):
                headers = Headers(scope=scope)
                state["address"] = self._client(peer, headers)
                if headers.get("x-forwarded-proto") in ("http", "https"):
                    scope["scheme"] = headers["x-forwarded-proto"]
                if self._header:
                    named = headers.getlist(self._header)
                    # more than one: the proxy has let through what the client said
                    state["proxied"] = named[0].strip() if len(named) == 1 else ""
        await self._app(scope, receive, send)

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found
        return any(mapped in network for network in self._networks)

    def _client(self, peer: str, headers: Headers) -> str:
        """The last address that no proxy of ours has: what stands before it anybody may write."""
        given = ",".join(headers.getlist("x-forwarded-for")).split(",")
        for address in (it.strip() for it in reversed(given)):
            if not address:
                continue
            if not self._is_proxy(address):
                return address[:100]
            peer = address
        return peer
