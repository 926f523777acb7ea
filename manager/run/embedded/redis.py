"""The embedded Redis: Valkey's own program, with nothing on disk."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

import redis

from manager.run.embedded.server import Server, WrongPasswordError


class RedisServer(Server):
    """Redis without persistence: by design everything in it can be made anew from Postgres."""

    label = "Redis"

    def __init__(
        self, program: Path, home: Path, log: Path, marker: str, *, ephemeral: bool, timeout: float
    ):
        super().__init__(home, log, marker, ephemeral=ephemeral, timeout=timeout)
        self._program = program

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`."""
        return f"redis://:{self._address.password}@127.0.0.1:{self._address.port}/0"

    def _prepare(self) -> None:
        self._home.mkdir(mode=0o700, exist_ok=True)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # The configuration goes through standard input: a command line shows passwords.
        title = f"{{title}} {{listen-addr}} {self._marker}"
        child = subprocess.Popen(
            [self._program, "-", "--proc-title-template", title],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=self._home,
            env={"LC_ALL": "C"},
            start_new_session=True,
            umask=0o077,
        )
        assert child.stdin is not None
        with child.stdin as configuration:
            configuration.write(self._configuration().encode())
        return child

    def _configuration(self) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {self._address.port}",
            f"requirepass {self._address.password}",
            'save ""',
            "appendonly no",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"

    def _check(self) -> None:
        with redis.Redis.from_url(
            self.url, socket_timeout=2.0, socket_connect_timeout=2.0
        ) as client:
            try:
                client.ping()
            except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
                raise WrongPasswordError(f"{self.label} refuses our password") from error
