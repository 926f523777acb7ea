"""Transport: one HTTP exchange, quiet in the logs and bounded in time."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from time import monotonic
from typing import Any

import httpx

from manager.settings import Settings
from manager.settings.hosts import is_loopback
from manager.vendor.agent import our_version

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")
_exchanging: ContextVar[bool] = ContextVar("exchanging", default=False)


def new_client(settings: Settings, vendor_url: str) -> httpx.Client:
    """A client for a vendor and what it links to, that follows no redirect and keeps no connection.

    No connection is kept since a stale one makes it unclear whether a submission arrived, and
    since the client may be made before a worker forks. The vendor's rate limits leave nothing
    to gain from keeping them.
    """
    return httpx.Client(
        timeout=httpx.Timeout(
            settings.vendor_read_timeout, connect=settings.vendor_connect_timeout
        ),
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={"user-agent": f"enrichment-manager/{our_version()}"},
        follow_redirects=False,
        # A proxy of the environment cannot reach this machine's own loopback.
        trust_env=not is_loopback(httpx.URL(vendor_url).host),
    )


class TimeLimit:
    """Ends an exchange that takes too long altogether, however slowly the server drips.

    A time-out per read cannot: every byte starts it anew. So the connection is shut down from
    outside, through a descriptor of our own, and the read that waits on it fails.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    @property
    def passed(self) -> bool:
        """Whether the time is up; what was read then may not be all there was."""
        return monotonic() >= self._ends

    def __enter__(self) -> TimeLimit:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for own in self._sockets:
                own.close()
            self._sockets.clear()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpx at every step; takes note of connections."""
        if event.endswith("connect_tcp.complete"):
            with self._lock:
                self._sockets.append(info["return_value"].get_extra_info("socket").dup())
            if self.passed:
                self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            for own in self._sockets:
                with suppress(OSError):
                    own.shutdown(socket.SHUT_RDWR)


@contextmanager
def exchange(
    client: httpx.Client, request: httpx.Request, limit: TimeLimit
) -> Iterator[httpx.Response]:
    """Send the request; the answer's body is still to be read. Raises httpx's errors.

    httpx and httpcore log whole URLs and headers, with what is secret in them, so their logs
    are silent meanwhile.
    """
    request.extensions["trace"] = limit.watch
    token = _exchanging.set(True)
    traces = sys.modules.get("opentelemetry.context")  # somebody instruments httpx, perhaps
    key = getattr(traces, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)
    ours = traces.attach(traces.set_value(key, True)) if traces and key else None
    try:
        response = client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()
    finally:
        if traces and ours:
            traces.detach(ours)
        _exchanging.reset(token)


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _exchanging.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_NotOurs())
