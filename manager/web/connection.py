"""A connection to the web that nobody can hold for nothing.

uvicorn ends what is idle between two requests, nothing else: what never sends a request, sends it
byte by byte, or does not read its answer, stays for ever, and there may be any number of it.

And an answer that breaks off must be seen to: to HTTP/1.0, which nginx speaks to what is behind it,
the end of the connection is the end of the answer, and half a file would pass for a whole one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import defaultdict
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Seconds for a request's line and headers, for its body, and in which a client must read something
# of its answer.
HEAD, BODY, STALLED = 10.0, 30.0, 30.0
PIECE = 16_384


class Room:
    """The connections of each port, at most `most`.

    When they are too many, the one that has been without a request for the longest makes room; if
    all have one, who comes is turned away. So who keeps connections open keeps nobody out.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: defaultdict[int, set[Connection]] = defaultdict(set)
        self._waiting: defaultdict[int, dict[Connection, None]] = defaultdict(dict)

    def enter(self, connection: Connection) -> None:
        """A new one, without a request."""
        waiting = self._waiting[connection.port]
        if len(self._open[connection.port]) >= self._most:
            leaving = next(iter(waiting), connection)
            self.leave(leaving)
            leaving.transport.abort()
            if leaving is connection:
                return
        self._open[connection.port].add(connection)
        waiting[connection] = None

    def wait(self, connection: Connection, waits: bool) -> None:
        """Whether it is without a request."""
        waiting = self._waiting[connection.port]
        if not waits:
            waiting.pop(connection, None)
        elif connection in self._open[connection.port]:
            waiting.setdefault(connection)

    def leave(self, connection: Connection) -> None:
        """It has ended."""
        self._open[connection.port].discard(connection)
        self._waiting[connection.port].pop(connection, None)


class _Transport:
    """asyncio's; while an answer is unfinished, its end is a reset and not an end of file."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """After what was written."""
        if self._connection.conn.our_state is h11.SEND_BODY:
            self.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """At once."""
        sock = self._transport.get_extra_info("socket")
        if self._connection.conn.our_state is h11.SEND_BODY and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class Connection(H11Protocol):
    """uvicorn's, with a time for each part of a request and for the answer's being read."""

    room: Room

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.port = 0
        self._part: type[Any] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        self.port = (self.server or ("", 0))[1] or 0
        _notice_the_dead(transport.get_extra_info("socket"))
        self.room.enter(self)
        self._expect(h11.IDLE, HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._expect(None, 0)
        self._read_on()
        self.room.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """It has sent something."""
        if self._part is None and self.conn.their_state is h11.IDLE:
            self._expect(h11.IDLE, HEAD)  # the first byte of a further request
        # h11 looks at the size of what is incomplete alone, and asyncio reads 256 kB at once
        for start in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + PIECE])
        self._see()

    def on_response_complete(self) -> None:
        """An answer has been given; there may be a further request, sent before that."""
        super().on_response_complete()
        self._see()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        self._read_on()

    def _see(self) -> None:
        """Where the request is now: before its end there is a time for what is to come next."""
        theirs = self.conn.their_state
        self.room.wait(self, theirs is h11.IDLE)
        if theirs is h11.SEND_BODY and self._part is not h11.SEND_BODY:
            self._expect(h11.SEND_BODY, BODY)
        elif theirs is not h11.SEND_BODY and theirs is not h11.IDLE:
            self._expect(None, 0)
        elif theirs is h11.IDLE and self._part is h11.SEND_BODY:
            self._expect(h11.IDLE, HEAD)  # answered before its end: uvicorn has no time for it

    def _expect(self, part: type[Any] | None, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._part = part
        self._deadline = self.loop.call_later(seconds, self.transport.abort) if part else None

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def _notice_the_dead(sock: Any) -> None:
    """Let the kernel end a connection whose client does not answer or read any more."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", int(STALLED * 1000)),
    ):
        if option := getattr(socket, name, None):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
