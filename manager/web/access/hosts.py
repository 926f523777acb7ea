"""Which hosts we are asked for by.

A page of somebody else's, whose name is made to lead to this machine (DNS rebinding), is of the
same origin as what it fetches here; only the Host header tells. It has a name, never our address:
so besides the names of the configuration the address of the connection itself is taken.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from manager.settings import Settings
from manager.settings.hosts import is_loopback, split_port

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]*[a-z0-9_-]\.?)(?::([0-9]{1,5}))?")


# Whoever lets people in by a proxy or a name that is not set yet sees this first.
REFUSAL = (
    "This host is not served here. Who runs this names it in web_hosts, or lets the proxy before "
    "it pass a Host that is.\n"
)


class Hosts:
    """Answers 421, and nothing of ours, to who asks for a host that is not ours."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names = {settings.web_host.lower()}
        if settings.webhook_url:
            self._names.add(str(urlsplit(settings.webhook_url).hostname))
        given = [split_port(it)[0].rstrip(".") for it in settings.web_hosts]
        self._names.update(it for it in given if not it.startswith("*."))
        self._below = tuple(it[1:] for it in given if it.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_ours(scope):
            await PlainTextResponse(REFUSAL, 421)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("host")
        if not given:
            return True  # HTTP/1.0, as some load balancers' probes speak it; no browser does
        if len(given) != 1:
            return False
        written = _HOST.fullmatch(given[0].strip().lower())
        if written is None or int(written[2] or 0) > 65_535:
            return False
        host = written[1].strip("[]").rstrip(".")
        local = (scope.get("server") or ("",))[0]
        return (
            is_loopback(host) or host == local or host in self._names or host.endswith(self._below)
        )
