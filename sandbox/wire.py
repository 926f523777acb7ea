"""Answers that go wrong on the wire, as ASGI responses: resets, hangs, cut bodies, nonsense."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import Fault

_LINGER_0 = struct.pack("ii", 1, 0)
_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
_GARBAGE = '{"batch_id": "5f0c'


class Reset:
    """Resets the connection (RST) without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the transport that the server left in the scope's state."""
        transport: asyncio.Transport = scope["state"]["transport"]
        if not transport.is_closing():
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
            transport.abort()
        await _gone(receive)


class Hang:
    """Never answers; ends when the client goes away or the sandbox closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for either of the two, then close the connection."""
        await unless_closing(_gone(receive), scope)
        await Reset()(scope, receive, send)


class Cut:
    """Sends another response's headers and half of its body, then closes the connection."""

    def __init__(self, response: ASGIApp) -> None:
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the response on up to half of its declared length."""
        left = 0
        cut = False

        async def send_half(message: Message) -> None:
            nonlocal left, cut
            if cut:
                return
            if message["type"] == "http.response.start":
                left = int(dict(message["headers"]).get(b"content-length", b"0")) // 2
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if left == 0:
                cut = True
                scope["state"]["transport"].close()

        await self._response(scope, receive, send_half)
        await _gone(receive)


def disguise(fault: Fault, response: ASGIApp | None) -> ASGIApp:
    """What the client gets instead of the response, None if nothing was carried out."""
    match fault.kind:
        case "status":
            return _ordered(fault)
        case "html":
            return HTMLResponse(_PAGE, status_code=502)
        case "garbage":
            return Response(_GARBAGE, media_type="application/json")
        case "hang":
            return Hang()
        case "cut" if response:
            return Cut(response)
        case "delay" if response:
            return response
        case _:
            return Reset()


def outcome(fault: Fault | None, response: ASGIApp) -> str:
    """What the record says of a call: the status code answered, or what was done instead."""
    if fault and fault.kind in ("reset_before", "reset_after", "hang", "cut"):
        return fault.kind
    return str(response.status_code) if isinstance(response, Response) else "none"


def _ordered(fault: Fault) -> Response:
    body: Any = fault.body
    if isinstance(body, str):
        return Response(body, fault.status, fault.headers)
    if body is None:
        body = {"error": {"type": "sandbox_fault", "message": "A fault.", "metadata": {}}}
    return JSONResponse(body, fault.status, fault.headers)


async def unless_closing(waiting: Coroutine[Any, Any, None], scope: Scope) -> None:
    """Wait for that, but no longer than the sandbox runs."""
    waits = {asyncio.create_task(waiting), asyncio.create_task(scope["state"]["closing"].wait())}
    _, unfinished = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in unfinished:
        wait.cancel()


async def _gone(receive: Receive) -> None:
    """Wait until the connection is lost; only then is it no error to have sent nothing."""
    while (await receive())["type"] != "http.disconnect":
        pass
