"""What the two embedded servers have in common: adopt or start, watch, and tell why not."""

from __future__ import annotations

import random
import secrets
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from manager.errors import UnavailableError
from manager.logs import get_logger
from manager.run.embedded import processes

if TYPE_CHECKING:
    import psutil

log = get_logger("manager.run.embedded")

# Below the ports that Linux and macOS give to outgoing connections, so that a port is still
# free when its server is started again.
PORTS = range(20_000, 32_000)
TAIL_LINES = 20


class WrongPasswordError(Exception):
    """The server answers, but not to our password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens on 127.0.0.1, and the password it asks for."""

    port: int
    password: str = field(repr=False)

    @classmethod
    def new(cls) -> Address:
        """A free port and a random password."""
        return cls(_free_port(None), secrets.token_hex(24))

    @classmethod
    def of(cls, url: object) -> Address | None:
        """The address in a URL that was published earlier; None when it is not one of ours."""
        try:
            parts = urlsplit(str(url))
            if parts.hostname == "127.0.0.1" and parts.port and parts.password:
                return cls(parts.port, parts.password)
        except ValueError:
            pass
        return None

    def with_free_port(self) -> Address:
        """The same address if its port is free, otherwise one with another port."""
        return Address(_free_port(self.port), self.password)


class Server(ABC):
    """One server process of a data directory."""

    label: ClassVar[str]

    def __init__(self, home: Path, log: Path, marker: str, *, ephemeral: bool, timeout: float):
        self._home = home
        self._log = log
        self._marker = marker
        self._ephemeral = ephemeral
        self._timeout = timeout
        self._address = Address(0, "")
        self._child: subprocess.Popen[bytes] | None = None  # one that we started
        self._adopted: psutil.Process | None = None  # or one that an earlier owner started
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """The server's URL with its password."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make everything that the server needs before it can run."""

    @abstractmethod
    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server's process in a session of its own."""

    @abstractmethod
    def _check(self) -> None:
        """Return when the server can be used; raise WrongPasswordError or any other error."""

    @property
    def pid(self) -> int | None:
        """The server's pid; None when it does not run."""
        process = self._child or self._adopted
        return process.pid if process is not None and self.alive() else None

    def start(self, known: Address | None) -> None:
        """Adopt the server that still runs at `known`, or start one, there if possible.

        Raises UnavailableError with the end of the server's log when it does not come up.
        """
        if known is None or not self._adopt(known):
            processes.end(self._marker, grace=30.0)
            self._address = known.with_free_port() if known else Address.new()
            self._launch()

    def ensure(self) -> bool:
        """Start the server again, at the same address, if it died; True when it had."""
        if self.alive():
            return False
        log.warning("server.gone", server=self.label, log=self._log, next="it is started again")
        processes.end(self._marker, grace=10.0)  # what a killed postmaster left behind
        self._launch()
        return True

    def alive(self) -> bool:
        """Whether the server's process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._adopted is not None and processes.is_alive(self._adopted)

    def forget(self) -> None:
        """Let go of a server that was ended."""
        if self._child is not None:
            self._child.wait()
        self._child = self._adopted = None

    def _adopt(self, known: Address) -> bool:
        running = processes.leaders(processes.find(self._marker))
        if len(running) != 1:
            return False
        self._address = known
        self._adopted = running[0]
        try:
            self._wait_until_ready()
        except (UnavailableError, WrongPasswordError) as error:
            log.warning("server.not_adopted", server=self.label, error=error)
            self._adopted = None
            return False
        log.info("server.adopted", server=self.label, its_pid=self._adopted.pid)
        return True

    def _launch(self) -> None:
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._prepare()
        with self._log.open("ab") as file:
            self._child = self._spawn(file)
        self._adopted = None
        try:
            self._wait_until_ready()
        except WrongPasswordError:
            problem = f"another server answers on port {self._address.port}"
            raise self._unavailable(problem) from None
        log.info("server.started", server=self.label, its_pid=self._child.pid)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._check()
            except WrongPasswordError:
                raise
            except Exception as error:
                reason = " ".join(str(error).split())
            if not self.alive():
                code = self._child.returncode if self._child else "unknown"
                raise self._unavailable(f"it ended with code {code}")
            if time.monotonic() > deadline:
                raise self._unavailable(f"it was not ready after {self._timeout:.0f} s: {reason}")
            time.sleep(0.02)

    def _unavailable(self, problem: str) -> UnavailableError:
        return UnavailableError(
            f"{self.label} in {self._home} cannot be started: {problem}. "
            f"The end of its log {self._log}:\n{self._tail()}"
        )

    def _tail(self) -> str:
        """The last lines that were logged since this start."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(self._log_start, self._log.stat().st_size - 8192))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError as error:
            return f"  ({error})"
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (empty)"


def _free_port(wanted: int | None) -> int:
    for port in (wanted, *random.sample(PORTS, 200)):
        if port is not None and _is_free(port):
            return port
    raise UnavailableError(f"No free port on 127.0.0.1 between {PORTS[0]} and {PORTS[-1]}.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a port is free although connections of its past linger.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
