"""The sandbox's web server, in a thread of this process or as a process of its own."""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.app import create_app
from sandbox.control import SandboxControl
from sandbox.settings import Settings
from sandbox.vendor import Vendor

HOST = "127.0.0.1"
DEFAULT_KEY = "sandbox-key"


class _Protocol(H11Protocol):
    """Hands the transport to the application, so that a fault can reset the connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Serves a vendor on a listening socket; leaves signals to its caller."""

    def __init__(self, vendor: Vendor, listening: socket.socket) -> None:
        config = uvicorn.Config(
            create_app(vendor),
            http=_Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._listening = listening
        self.on_ready: Callable[[], None] = lambda: None

    def run_here(self) -> None:
        """Serve in this thread until `should_exit` is set."""
        self.run(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of the clients that a fault keeps waiting, then shut down."""
        self.lifespan.state["closing"].set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn would end the process by the signal it got; the exit code must be 0."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, port 0 for a free one; `OSError` if that can't be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio switches Nagle's algorithm off: 40 ms less per answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """The URL of a server on that socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Sandbox(SandboxControl):
    """A sandbox in a background thread, and the control of it.

    `with Sandbox(api_key="key", cap=2) as sandbox:` serves at `sandbox.url` until the end of
    the block. Keyword arguments are settings (`sandbox.settings.Settings`; a bad one is a
    `ValueError`); `faults` are ordered from the start (`sandbox.faults.Fault`, each as a dict;
    a bad one is a `ValueError` when it starts). With a `data_dir` it remembers its jobs, record
    and billing from the last time; without one it leaves nothing behind.
    """

    def __init__(
        self,
        api_key: str = DEFAULT_KEY,
        *,
        host: str = HOST,
        port: int = 0,
        data_dir: Path | None = None,
        faults: Collection[dict[str, Any]] = (),
        **settings: Any,
    ) -> None:
        super().__init__("", api_key)
        self._settings = Settings.of(settings)
        self._faults = faults
        self._address = host, port
        self._data_dir = data_dir
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start, and wait until it serves."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Serve in a background thread; returns when it is ready."""
        listening = listen(*self._address)
        self.url = url_of(listening)
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(workspace(self._data_dir))
            keep = self._data_dir is not None
            vendor = Vendor(self.api_key, self._settings, directory, keep=keep, faults=self._faults)
            stack.enter_context(_serving(Server(vendor, listening)))
            self._running = stack.pop_all()

    def stop(self) -> None:
        """Stop serving, and delete what was only kept for the time being."""
        self.close()
        self._running.close()


@contextlib.contextmanager
def workspace(data_dir: Path | None) -> Iterator[Path]:
    """That directory, made if need be, or a temporary one that is deleted in the end."""
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


@contextlib.contextmanager
def _serving(server: Server) -> Iterator[None]:
    """The server runs in a background thread until the end of the block."""
    ready = threading.Event()
    server.on_ready = ready.set
    thread = threading.Thread(target=server.run_here, name="sandbox", daemon=True)
    thread.start()
    while not ready.wait(0.1):
        if not thread.is_alive():
            raise RuntimeError("the sandbox did not start; its thread has printed the reason")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
