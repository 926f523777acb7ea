"""A RabbitMQ of its own for a test, where Debian's rabbitmq-server is (60 MB with Erlang)."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager.run.processes import free_port
from tests.chaos.guarded import start_guarded

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
# Erlang takes a third of a minute where two processors are shared.
PATIENCE = 120.0


@dataclass(frozen=True)
class RabbitMQ:
    """A server that runs, on ports and with a node's name of its own."""

    port: int
    environment: dict[str, str]

    def url(self, password: str = "guest") -> str:
        """Where callers find it."""
        return f"amqp://guest:{password}@127.0.0.1:{self.port}//"

    def control(self, *arguments: str) -> str:
        """What rabbitmqctl answers."""
        ctl = [str(PROGRAMS / "rabbitmqctl"), *arguments]
        done = subprocess.run(
            ctl, env=self.environment, check=True, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """Start it; skips the test where there is none."""
    if not (PROGRAMS / "rabbitmq-server").exists():
        pytest.skip("rabbitmq-server is not on this machine")
    port = free_port()
    own = {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(free_port()),
        "RABBITMQ_NODENAME": f"enrichd-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    (folder / "rabbitmq.conf").touch()
    (folder / "plugins").write_text("[].")
    server = RabbitMQ(port, os.environ | own)
    log = folder / "rabbitmq.log"
    process, line = start_guarded([str(PROGRAMS / "rabbitmq-server")], log, server.environment)
    try:
        _wait(process, log)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        line.close()
        _end_epmd(int(own["ERL_EPMD_PORT"]))


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while "Server startup complete" not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")[-2_000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2_000:]
        time.sleep(0.2)


def _end_epmd(port: int) -> None:
    """End Erlang's name server on the port, which Erlang starts and nobody else ends."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(b"\x00\x01k")  # its protocol's KILL_REQ
        line.recv(16)
