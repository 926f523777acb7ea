"""Streams of events end when the server is to end."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVENTS = "text/event-stream"
# nginx, and what took it over from nginx, would hold back what is sent bit by bit; or, of a long
# file, take so much at once that for minutes it reads nothing more, and we end it as stalled.
UNBUFFERED = {"X-Accel-Buffering": "no"}


def answer(request: Request, response: Response) -> Response:
    """The response; to HEAD its headers alone: the content may be long, or have no end."""
    if request.method != "HEAD":
        return response
    made = Response(status_code=response.status_code, headers=dict(response.headers))
    del made.headers["content-length"]
    return made


class Streams:
    """Tells the application that the client of a stream of events has gone, once `stopping` is set,
    and ends the answer as it should end: the browser comes again, to who serves then.
    """

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streams = unfinished = False

        async def sending(message: Message) -> None:
            nonlocal streams, unfinished
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                streams = unfinished = kind.startswith(EVENTS)
            elif not message.get("more_body", False):
                unfinished = False
            await send(message)

        async def receiving() -> Message:
            message = asyncio.ensure_future(receive())
            stopping = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({message, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if streams and not message.done():
                    return {"type": "http.disconnect"}
                return await message
            finally:
                stopping.cancel()
                message.cancel()

        await self._app(scope, receiving, sending)
        if unfinished and self._stopping.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
