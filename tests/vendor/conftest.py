"""A small real HTTP server that behaves as a test tells it to, and settings that point there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from manager.settings import Settings
from manager.vendor.calls import NoGate
from manager.vendor.client import VendorClient

KEY = "key-1234567890abcdef"


@dataclass
class Call:
    """One call as the server saw it, and the means to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        """Answer whole; what is not bytes is sent as JSON, `retry_after` as `retry-after`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def raw(self, content: bytes) -> None:
        """Send these bytes, whatever they are, and hang up after the reply."""
        self.handler.close_connection = True
        self.handler.wfile.write(content)
        self.handler.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection after the reply."""
        self.handler.close_connection = True


Reply = Callable[[Call], object]


class Server:
    """Keeps what it was asked, and replies with `reply`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.reply: Reply = lambda call: call.answer(404)
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def do_GET(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, self.rfile.read(length), self)
                server.calls.append(call)
                server.reply(call)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def drip(self, call: Call, beginning: bytes, byte: bytes = b" ") -> None:
        """Send the beginning at once, then a byte now and then, until the client hangs up."""
        call.raw(beginning)
        while not self.closing.wait(0.05):
            call.raw(byte)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@dataclass(frozen=True)
class Account:
    """An account as the client wants it."""

    vendor_url: str
    api_key: str = KEY
    name: str = "acme"


@pytest.fixture
def settings() -> Settings:
    """Short time-outs."""
    return Settings(vendor_connect_timeout=0.3, vendor_read_timeout=1.2)


@pytest.fixture
def account(server: Server) -> Account:
    """An account at the small server."""
    return Account(server.url)


@pytest.fixture
def client(settings: Settings, account: Account) -> Iterator[VendorClient]:
    with VendorClient(settings, account, NoGate()) as made:
        yield made
