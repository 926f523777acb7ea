"""A receiver of webhooks."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Webhooks:
    """Receives webhooks, and tells the paths they went to."""

    def __init__(self) -> None:
        paths = self._paths = queue.SimpleQueue[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                paths.put(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def next(self) -> str:
        """The path of the next one."""
        return self._paths.get(timeout=10)
