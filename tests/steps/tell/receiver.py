"""A real receiver of webhooks on this machine, which can be told to answer badly."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Fault = Callable[["Handler"], None]


@dataclass(frozen=True, slots=True)
class Received:
    """A POST that has come; `message` is its body."""

    path: str
    headers: dict[str, str]
    body: bytes
    fault: Fault | None

    @property
    def message(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.body)
        return made

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        given = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            fault = self.server.faults.pop(0) if self.server.faults else self.server.always
            self.server.received.append(Received(self.path, given, body, fault))
        (fault or answer(200))(self)

    def do_GET(self) -> None:
        self.server.followed += 1
        answer(200)(self)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.lock = threading.Lock()
        self.followed = 0

    def handle_error(self, *_: Any) -> None:
        """A caller that breaks off is no error here."""


class Receiver:
    """`faults` are used up one by one; then `always`, or 200."""

    def __init__(self) -> None:
        self._server = Server()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def encrypt(self, certificate: str, key: str) -> None:
        """Speak TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def received(self) -> list[Received]:
        return self._server.received

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [it.message for it in self.received]

    @property
    def followed(self) -> int:
        return self._server.followed

    def fail(self, *faults: Fault) -> None:
        self._server.faults += faults

    def always(self, fault: Fault | None) -> None:
        self._server.always = fault


def answer(status: int, body: bytes = b"", **headers: str) -> Fault:
    def fault(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def hang(seconds: float) -> Fault:
    def fault(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return fault


def pause(seconds: float, status: int = 200) -> Fault:
    """Think for a while."""

    def fault(handler: Handler) -> None:
        time.sleep(seconds)
        answer(status)(handler)

    return fault


def reset(handler: Handler) -> None:
    """Break off without a word."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True


def drip(status: int) -> Fault:
    """A byte now and then, for ever."""

    def fault(handler: Handler) -> None:
        with suppress(OSError):
            for byte in f"HTTP/1.1 {status} OK\r\nx-slow: {'a' * 10_000}\r\n\r\n".encode():
                handler.connection.sendall(bytes([byte]))
                time.sleep(0.05)
        handler.close_connection = True

    return fault


def flood(status: int) -> Fault:
    """A body without an end."""

    def fault(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", str(10**12))
        handler.end_headers()
        with suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 65_536)
        handler.close_connection = True

    return fault


def garbage(handler: Handler) -> None:
    """What is no HTTP."""
    handler.connection.sendall(b"\x00\x01\x02 SSH-2.0-OpenSSH_9.2\r\n\r\n")
    handler.close_connection = True
