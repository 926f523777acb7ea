"""The real server in a thread of the test's process, and clients that speak to it in bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.types import ASGIApp

from manager import Settings
from manager.web.server import Server, server

PATIENCE = 20.0


class Running:
    """A server in a thread, and the clients that a test has made."""

    def __init__(
        self, server: Server, thread: threading.Thread, ports: list[int], stack: ExitStack
    ) -> None:
        self.server, self.thread, self.ports = server, thread, ports
        self._stack = stack

    def connect(self, sent: bytes = b"", port: int = 0) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.ports[port]), timeout=PATIENCE)
        self._stack.callback(made.close)
        made.sendall(sent)
        return made

    def stop(self) -> None:
        self.server.should_exit = True


@contextmanager
def running(app: ASGIApp, settings: Settings, ports: int = 1) -> Iterator[Running]:
    with ExitStack() as stack:
        listening = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(ports)
        ]
        made = server(app, settings)
        thread = threading.Thread(target=made.run, args=(listening,), daemon=True)
        ports_ = [it.getsockname()[1] for it in listening]
        thread.start()
        found = Running(made, thread, ports_, stack)
        while not made.started:
            time.sleep(0.01)
            assert thread.is_alive()
        try:
            yield found
        finally:
            found.stop()
            thread.join(PATIENCE)
            assert not thread.is_alive()
