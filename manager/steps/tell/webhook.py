"""Tell a webhook: one POST, to the address that was looked at, within a time that no drip extends.

No redirect is followed, and of the answer no more is read than says why it was none of the right
ones. httpcore is used by itself, since it lets us open the connection.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore

from manager.errors import InvalidRequestError
from manager.redact import redact
from manager.settings import Settings
from manager.steps.tell.message import Came, Claimed, as_text, message
from manager.steps.tell.sign import headers
from manager.targets import Guard, Webhook
from manager.vendor.agent import our_version

# Bytes of an answer that are read, and how much of them an error shows.
MOST_READ, SHOWN = 2_048, 200
LONGEST_WAIT = 86_400.0


def post(settings: Settings, hook: Webhook, notice: Claimed, name: str | None) -> Came:
    """Tell it. name: of the target, where the settings know it by one."""
    body = as_text(message(notice)).encode()
    secrets = next(
        (
            settings.notify_secrets[it]
            for it in (name, hook.host, "default")
            if it and settings.notify_secrets.get(it)
        ),
        None,
    )
    if secrets is None:
        return Came(
            "no secret signs it: set notify_secrets, "
            f"such as {{ {name or hook.host!r} = ['whsec_…'] }}"
        )
    signed = headers(notice.id, int(time.time()), body, secrets)
    if notice.traceparent:
        signed["traceparent"] = notice.traceparent
    deadline = time.monotonic() + settings.notify_timeout
    try:
        addresses = Guard(settings.notify_allow).addresses(hook)
        return _send(hook, addresses, signed, body, deadline)
    except InvalidRequestError as error:
        return Came(str(error).removeprefix("notify: "))
    except httpcore.TimeoutException:
        return Came(f"no answer within {settings.notify_timeout:g} seconds")
    except (httpcore.NetworkError, OSError) as error:
        return Came(f"{hook.authority} cannot be reached: {_told(error)}")
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        return Came(f"what it answers is no HTTP: {_told(error)}")


def _send(
    hook: Webhook, addresses: list[str], signed: dict[str, str], body: bytes, deadline: float
) -> Came:
    origin = httpcore.Origin(hook.scheme.encode(), hook.host.encode(), hook.port)
    backend = _To(addresses, deadline)
    own = {
        "host": hook.authority,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": f"enrichment-manager/{our_version()}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }
    request = httpcore.Request(
        b"POST",
        httpcore.URL(
            scheme=origin.scheme, host=origin.host, port=origin.port, target=hook.path.encode()
        ),
        headers=[*own.items(), *signed.items()],
        content=body,
    )
    with httpcore.HTTPConnection(origin, _tls(), network_backend=backend) as connection:
        response = connection.handle_request(request)
        try:
            given = {name.decode("latin-1").lower(): value for name, value in response.headers}
            return _judge(response.status, given, _beginning(response.stream))
        finally:
            response.close()


def _judge(status: int, given: dict[str, bytes], beginning: str) -> Came:
    if 200 <= status < 300:
        return Came(status=status)
    error = f"answered {status}"
    if 300 <= status < 400:
        error += ", a redirect, which is not followed"
    elif beginning:
        error += f": {beginning}"
    wait = _seconds(given.get("retry-after", b"")) if status in (429, 503) else None
    return Came(error, status, wait, gone=status == 410)


def _beginning(stream: Any) -> str:
    """The first of what is answered; that it breaks off, or does not come, is no matter."""
    read = b""
    try:
        for part in stream:
            read += part
            if len(read) >= MOST_READ:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return redact(read[:MOST_READ].decode("utf-8", "replace"), limit=SHOWN)


def _seconds(text: bytes) -> float | None:
    """What Retry-After says, in seconds or as a date."""
    said = text.decode("latin-1").strip()
    if said.isdecimal() and said.isascii():
        return min(float(said[:9]), LONGEST_WAIT)
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return None
    at = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), LONGEST_WAIT)


def _told(error: Exception) -> str:
    return redact(str(error) or type(error).__name__, limit=SHOWN)


@cache
def _tls() -> ssl.SSLContext:
    import httpx  # here: status and enqueue load this module, and ask nobody

    return httpx.create_ssl_context()  # as to the vendor: SSL_CERT_FILE names other authorities


class _To(httpcore.NetworkBackend):
    """Connects to these addresses alone, whatever the name leads to by now."""

    def __init__(self, addresses: list[str], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """The first that can be reached; each gets its part of the time."""
        for left, address in zip(range(len(self._addresses), 0, -1), self._addresses, strict=True):
            share = (self._deadline - time.monotonic()) / left
            if share <= 0:
                raise httpcore.ConnectTimeout
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
            else:
                return _Limited(stream, self._deadline)
        raise httpcore.ConnectError("it has no address")


class _Limited(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline: no drip of bytes puts it off."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come."""
        return self._inner.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it."""
        self._inner.write(buffer, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same, encrypted."""
        left = self._left(httpcore.ConnectTimeout)
        return _Limited(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What is known of it."""
        return self._inner.get_extra_info(info)

    def _left(self, late: type[httpcore.TimeoutException]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise late
        return left
