"""A data directory with its own Postgres and Redis, owned by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from manager.errors import ConfigurationError, ConflictError, UnavailableError
from manager.run.embedded import processes
from manager.run.embedded.binaries import locate
from manager.run.embedded.postgres import PostgresServer
from manager.run.embedded.redis import RedisServer
from manager.run.embedded.server import Address, Server
from manager.settings import CONNECTION_FILE
from manager.settings.installation import OWNER_FILE

logger = logging.getLogger("manager.run.embedded")

STOP_GRACE = 60.0


class EmbeddedServers:
    """Postgres and Redis in `data_dir`; a context manager that starts and stops them.

    When the owner is killed the servers stay, and the next owner adopts them. With
    `ephemeral`, which is for tests and demos, a watchdog ends them and removes `data_dir`,
    however the owner ends; durability is traded for speed.

    `start_timeout` is in seconds, per server. Raises ConfigurationError when the `embedded`
    extra is not installed.
    """

    def __init__(
        self, data_dir: Path, *, ephemeral: bool = False, start_timeout: float = 60.0
    ) -> None:
        self.data_dir = data_dir.resolve()
        self._ephemeral = ephemeral
        self._lock: int | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._marker = f"enrichd-{hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]}"

        binaries = locate()
        logs = self.data_dir / "logs"
        options: dict[str, Any] = {"ephemeral": ephemeral, "timeout": start_timeout}
        self._postgres = PostgresServer(
            binaries.postgres,
            self.data_dir / "postgres",
            logs / "postgres.log",
            f"{self._marker}-postgres",
            **options,
        )
        self._redis = RedisServer(
            binaries.redis,
            self.data_dir / "redis",
            logs / "redis.log",
            f"{self._marker}-redis",
            **options,
        )

    @property
    def database_url(self) -> str:
        """Postgres's URL, with its password."""
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """Redis's URL, with its password."""
        return self._redis.url

    @property
    def spool_dir(self) -> Path:
        """Where results files are downloaded to."""
        return self.data_dir / "spool"

    @property
    def log_dir(self) -> Path:
        """Where the servers log, and the daemon's processes may."""
        return self.data_dir / "logs"

    @property
    def pids(self) -> dict[str, int | None]:
        """The pid of each server; None for one that does not run."""
        return {server.label: server.pid for server in self._servers}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Adopt the servers that still run, start the others, write connection.json.

        Raises ConflictError when another process owns the data directory, UnavailableError
        when a server does not come up, ConfigurationError when the directory cannot be used.
        """
        if self._lock is not None:
            raise ConflictError(f"The servers of {self.data_dir} were already started here.")
        try:
            self._make_directory()
            self._lock = self._acquire()
            if self._ephemeral:
                self._watchdog = self._start_watchdog()
            known = self._published()
            for server, key in ((self._redis, "redis_url"), (self._postgres, "database_url")):
                server.start(Address.of(known.get(key)))
            self._write({"database_url": self.database_url, "redis_url": self.redis_url})
        except PermissionError as error:
            self.stop()
            raise ConfigurationError(
                f"{error.filename} is not ours to use. Run as the user who made {self.data_dir}, "
                "or use another data directory."
            ) from None
        except BaseException:
            self.stop()
            raise
        return self

    def ensure(self) -> list[str]:
        """Start servers that died again at the same URLs; returns their names.

        Cheap when all is well. Raises UnavailableError when one does not come up.
        """
        if self._lock is None:
            return []
        return [server.label for server in self._servers if server.ensure()]

    def stop(self) -> None:
        """Shut both servers down and wait until they are gone; again is harmless."""
        if self._lock is None:
            return
        if self._ephemeral:
            processes.remove(self.data_dir, self._marker)
        elif not processes.end(self._marker, STOP_GRACE):
            raise UnavailableError(f"The servers of {self.data_dir} cannot be ended: {self.pids}.")
        for server in self._servers:
            server.forget()
        if self._watchdog is not None:
            self._watchdog.communicate()  # closes the pipe, upon which it ends
            self._watchdog = None
        os.close(self._lock)
        self._lock = None

    def remove(self) -> None:
        """Remove the data directory with all that is in it, and end what a killed owner left.

        Raises ConflictError when a living process owns it.
        """
        lock = self._acquire()
        processes.remove(self.data_dir, self._marker)
        os.close(lock)

    def publish(self, **values: str | int) -> None:
        """Add settings to connection.json, where `--data-dir` finds them; keys are their names."""
        self._write({**self._published(), **values})

    @property
    def _servers(self) -> tuple[Server, Server]:
        return self._redis, self._postgres

    def _make_directory(self) -> None:
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ConfigurationError(f"{self.data_dir} cannot be a data directory.") from None
        if self._ephemeral and any(self.data_dir.iterdir()):
            raise ConfigurationError(
                f"{self.data_dir} is not empty. An ephemeral installation removes its "
                "directory at the end; name one that does not exist yet."
            )
        for path in (self.spool_dir, self.log_dir):
            path.mkdir(mode=0o700, exist_ok=True)

    def _acquire(self) -> int:
        lock = os.open(self.data_dir / OWNER_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 32).decode().strip() or "unknown"
            os.close(lock)
            raise ConflictError(
                f"{self.data_dir} is in use by process {owner}. "
                "Stop that process, or use another data directory."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        return lock

    def _start_watchdog(self) -> subprocess.Popen[bytes]:
        arguments = [str(os.getpid()), str(self.data_dir), self._marker]
        return subprocess.Popen(
            [sys.executable, "-P", processes.__file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _published(self) -> dict[str, Any]:
        try:
            content = json.loads((self.data_dir / CONNECTION_FILE).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, values: Mapping[str, Any]) -> None:
        """Replace connection.json in one step; mkstemp makes it readable for us alone."""
        handle, scratch = tempfile.mkstemp(prefix=f".{CONNECTION_FILE}.", dir=self.data_dir)
        with open(handle, "w") as file:
            json.dump(values, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, self.data_dir / CONNECTION_FILE)
