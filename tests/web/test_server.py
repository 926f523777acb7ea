"""The server: what is slow, half or too much ends; streams go on, and end when the server does."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from manager import Settings
from manager.settings import load_settings
from manager.web import connection
from manager.web import server as serving
from tests.web.served import PATIENCE, Running, running

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
REFUSED = POST.replace(b"/ ", b"/refuse ", 1) + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = GET.replace(b"/ ", b"/events ", 1)
# What stands for the times that nobody should wait for; a busy machine is late by some of it.
SOON = 0.4


class App:
    """Answers at once, after a while, or with a stream that never ends."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.slow = threading.Event()
        self.app = Starlette(
            routes=[
                Route("/", self.hello, methods=["GET", "POST"]),
                Route("/refuse", self.refuse, methods=["POST"]),
                Route("/events", self.events),
                Route("/flood", self.flood),
                Route("/slow", self.wait),
                Route("/breaks", self.breaks),
            ]
        )

    async def hello(self, request: Request) -> Response:
        return PlainTextResponse(f"hello {len(await request.body())}")

    async def refuse(self, _: Request) -> Response:
        return Response(status_code=413)

    async def wait(self, _: Request) -> Response:
        await asyncio.to_thread(self.slow.wait, PATIENCE)
        return PlainTextResponse("at last")

    async def events(self, _: Request) -> Response:
        async def told() -> AsyncIterator[str]:
            try:
                while True:
                    yield "data: now\n\n"
                    await asyncio.sleep(0.05)
            finally:
                self.left.set()

        return StreamingResponse(told(), media_type="text/event-stream")

    async def breaks(self, _: Request) -> Response:
        async def told() -> AsyncIterator[bytes]:
            yield b"half of it"
            raise RuntimeError("the ledger has gone")

        return StreamingResponse(told(), media_type="text/csv")

    async def flood(self, _: Request) -> Response:
        async def told() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
                    await asyncio.sleep(0)
            finally:
                self.left.set()

        return StreamingResponse(told(), media_type="application/octet-stream")


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def settings() -> Settings:
    return load_settings(web_connections=8, drain_timeout=5)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD", "BODY", "STALLED"):
        monkeypatch.setattr(connection, name, SOON)


@pytest.fixture
def web(app: App, settings: Settings) -> Iterator[Running]:
    with running(app.app, settings) as found:
        yield found


def ends(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection, which it does in time."""
    received = b""
    try:
        while chunk := client.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def dribble(client: socket.socket, byte: bytes, pause: float = 0.02) -> float:
    """Send a byte now and then until the server has had enough; the seconds that it took."""
    began = time.monotonic()
    try:
        while time.monotonic() < began + PATIENCE:
            client.sendall(byte)
            time.sleep(pause)
    except (ConnectionResetError, BrokenPipeError):
        return time.monotonic() - began
    raise AssertionError("it was borne with")


def until(client: socket.socket, what: bytes) -> bytes:
    received = b""
    while what not in received:
        chunk = client.recv(4_096)
        assert chunk, received
        received += chunk
    return received


# Slow and half


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\n",
        GET[:-2],
        POST + b"Content-Length: 5\r\n\r\n",
        POST + b"Content-Length: 5\r\n\r\n1234",
        POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\n12",
        POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_half_a_request_ends(web: Running, sent: bytes) -> None:
    received = ends(web.connect(sent))
    assert received in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert web.connect(GET).recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("sent", "byte"),
    [
        (b"", b"G"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"x"),
        (POST + b"Content-Length: 90000\r\n\r\n", b"x"),
        (
            POST + b"Transfer-Encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
        ),
    ],
)
def test_a_request_that_comes_byte_by_byte_ends(web: Running, sent: bytes, byte: bytes) -> None:
    assert dribble(web.connect(sent), byte) >= SOON / 2


def test_a_further_request_on_the_same_connection_has_its_time_too(web: Running) -> None:
    client = web.connect(GET)
    until(client, b"hello 0")
    client.sendall(GET)
    until(client, b"hello 0")
    dribble(client, b"G")


def test_an_idle_connection_ends(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "IDLE", 1)
    with running(app.app, settings) as web:
        client = web.connect(GET + GET)
        until(client, b"hello 0")
        ends(client)


def test_a_body_that_goes_on_after_its_answer_ends(web: Running) -> None:
    dribble(web.connect(REFUSED), b"1\r\nx\r\n")


def test_after_a_body_that_ended_late_a_connection_is_not_kept_for_nothing(web: Running) -> None:
    """uvicorn forgets its own time then."""
    client = web.connect(REFUSED)
    until(client, b"\r\n\r\n")
    client.sendall(b"0\r\n\r\n")
    ends(client)


def test_an_answer_that_is_not_read_ends(web: Running, app: App) -> None:
    web.connect(GET.replace(b"/ ", b"/flood ", 1))
    assert app.left.wait(PATIENCE)


def test_a_stream_of_events_goes_on_for_as_long_as_it_is_read(web: Running, app: App) -> None:
    client = web.connect(EVENTS)
    began = time.monotonic()
    while time.monotonic() < began + 4 * SOON:
        until(client, b"data: now")
    client.close()
    assert app.left.wait(PATIENCE), "it ends when its reader has gone"


# Too many, too large


def test_who_comes_takes_the_place_of_who_has_waited_longest(
    web: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD", 3 * PATIENCE)
    waiting = [web.connect(b"GET /") for _ in range(8)]
    assert until(web.connect(GET), b"hello 0")
    assert ends(waiting[0]) == b""
    waiting[1].sendall(GET[len(b"GET /") :])
    assert until(waiting[1], b"hello 0")


def test_where_all_have_a_request_who_comes_is_turned_away_at_this_port_alone(
    app: App, settings: Settings
) -> None:
    with running(app.app, settings, ports=2) as web:
        streams = [web.connect(EVENTS) for _ in range(8)]
        for stream in streams:
            until(stream, b"data: now")
        assert ends(web.connect()) == b""
        assert web.connect(GET, port=1).recv(12) == b"HTTP/1.1 200"
        until(streams[0], b"data: now")
        streams[1].close()
        deadline = time.monotonic() + PATIENCE
        while not (answer := _try(web)):
            assert time.monotonic() < deadline
        assert answer == b"HTTP/1.1 200"


def _is_open(web: Running) -> bool:
    try:
        web.connect().close()
    except OSError:
        return False
    return True


def _try(web: Running) -> bytes:
    try:
        return web.connect(GET).recv(12)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(web: Running, sent: bytes) -> None:
    client = web.connect()
    try:
        client.sendall(sent)
    except OSError:
        return  # the answer was given before all was sent
    assert ends(client)[:12] in (b"HTTP/1.1 400", b"")


# The end


def test_the_server_ends_although_streams_are_open_and_they_end_well(
    web: Running, app: App
) -> None:
    streams = [web.connect(EVENTS) for _ in range(3)]
    for stream in streams:
        until(stream, b"data: now")
    began = time.monotonic()
    web.stop()
    assert all(ends(stream).endswith(b"0\r\n\r\n") for stream in streams)
    web.thread.join(PATIENCE)
    assert time.monotonic() - began < 3
    assert app.left.is_set()


def test_a_request_under_way_is_answered_before_the_server_ends(web: Running, app: App) -> None:
    client = web.connect(GET.replace(b"/ ", b"/slow ", 1))
    time.sleep(0.1)
    web.stop()
    while _is_open(web):
        time.sleep(0.02)
    app.slow.set()
    assert ends(client).endswith(b"at last")


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(web: Running) -> None:
    """To HTTP/1.0, as nginx speaks it, the end of the connection is the end of the answer."""
    client = web.connect(b"GET /breaks HTTP/1.0\r\nHost: localhost\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        list(iter(partial(client.recv, 65_536), b""))


def test_a_whole_answer_of_that_kind_ends_well(web: Running) -> None:
    assert ends(web.connect(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")).endswith(b"hello 0")
