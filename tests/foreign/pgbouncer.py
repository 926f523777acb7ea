"""A real PgBouncer before a real Postgres, in any pool mode."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.foreign.postgres import ForeignPostgres, free_port, owned_directory, unprivileged
from tests.steps.patience import until

PROGRAM = Path("/usr/sbin/pgbouncer")


class PgBouncer:
    """A pooler of one server's databases; roles are trusted."""

    def __init__(self, server: ForeignPostgres, mode: str, **settings: str) -> None:
        if not PROGRAM.exists():
            pytest.skip(f"PgBouncer is not here ({PROGRAM}); .ci/foreign brings it")
        self._home = owned_directory("pgbouncer")
        self.port = free_port()
        self._server = server
        self.admin = f"postgresql://postgres@127.0.0.1:{self.port}/pgbouncer"
        values = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "admin_users": "postgres",
            "default_pool_size": "20",
            "max_client_conn": "200",
        } | settings
        lines = [f"{name} = {value}" for name, value in values.items()]
        where = f"host=127.0.0.1 port={server.port} user=postgres"
        text = "\n".join(["[databases]", f"* = {where}", "[pgbouncer]", *lines])
        (self._home / "pgbouncer.ini").write_text(text + "\n")
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, self._home / "pgbouncer.ini"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **unprivileged(),
            )
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._home / "log").read_text()
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, query: str = "") -> str:
        """A database's URL through the pooler."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}{query}"

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        shutil.rmtree(self._home, ignore_errors=True)


@pytest.fixture
def pgbouncer() -> Iterator[Callable[..., PgBouncer]]:
    """Starts poolers: `pgbouncer(server, "transaction")`."""
    running: list[PgBouncer] = []

    def start(server: ForeignPostgres, mode: str, **settings: str) -> PgBouncer:
        running.append(PgBouncer(server, mode, **settings))
        return running[-1]

    yield start
    for pooler in running:
        pooler.stop()
