"""Serves the application: on one port or two, with an end to what is slow, half or too many."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from manager.settings import Settings
from manager.web.connection import Connection, Room
from manager.web.streams import Streams

# Seconds that a connection may be idle between two requests.
IDLE = 5
# Bytes of a request's line and headers.
MAX_HEAD = 16_384


class ByPort:
    """Each port its own application; `main` for those that are not named."""

    def __init__(self, main: ASGIApp, others: Mapping[int, ASGIApp]) -> None:
        self._main = main
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        port = (scope.get("server") or ("", 0))[1]
        await self._others.get(port, self._main)(scope, receive, send)


class Server(uvicorn.Server):
    """Ends streams first when it is to end: they would go on for ever."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what is under way come to its end, within the time that the settings give."""
        self._stopping.set()
        await super().shutdown(sockets)


def serve(app: ASGIApp, sockets: Sequence[socket.socket], settings: Settings) -> None:
    """Serve until a signal."""
    server(app, settings).run(sockets=list(sockets))


def server(app: ASGIApp, settings: Settings) -> Server:
    """What serves the application."""
    stopping = asyncio.Event()

    class Bounded(Connection):
        room = Room(settings.web_connections)

    config = uvicorn.Config(
        Streams(app, stopping),
        http=Bounded,
        ws="none",
        log_config=None,
        access_log=False,  # a webhook's path has its token in it
        server_header=False,
        proxy_headers=False,  # see manager/web/access/proxies.py
        timeout_keep_alive=IDLE,
        h11_max_incomplete_event_size=MAX_HEAD,
        # a little less than what whoever has sent the signal waits
        timeout_graceful_shutdown=max(1, int(0.9 * settings.drain_timeout)),
    )
    return Server(config, stopping)
