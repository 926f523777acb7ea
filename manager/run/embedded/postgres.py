"""The embedded Postgres, for root and ordinary users, under any path.

Two properties of Postgres need care. It refuses to run as root, so root runs it as another
user. And that user cannot enter a data directory below, say, /root. Making the parents of the
data directory accessible to everyone would be a poor bargain; instead the server is started
inside its data directory and knows it only as /proc/self/cwd, a name that needs no permission
on the parents, and has no spaces and no length limit either.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psycopg

from manager.errors import ConfigurationError
from manager.run.embedded.binaries import open_to_all
from manager.run.embedded.server import Server, WrongPasswordError

DATABASE = "enrichd"
SUPERUSER = "postgres"
STAGING_PREFIX = "postgres-initdb-"
HBA = "host all all 127.0.0.1/32 scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
    # Parallel queries need more /dev/shm than the 64 MB of an ordinary container.
    "max_parallel_workers_per_gather": "0",
}
# Survives the kill of any process, though not of the machine.
EPHEMERAL_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(Server):
    """Postgres on 127.0.0.1 with a random password and a database named `enrichd`."""

    label = "Postgres"

    def __init__(
        self, bin_dir: Path, home: Path, log: Path, marker: str, *, ephemeral: bool, timeout: float
    ):
        super().__init__(home, log, marker, ephemeral=ephemeral, timeout=timeout)
        self._bin_dir = bin_dir
        self._identity: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """`postgresql://postgres:password@127.0.0.1:port/enrichd`."""
        return self._url(DATABASE)

    def _prepare(self) -> None:
        self._become_unprivileged()
        for leftover in self._home.parent.glob(f"{STAGING_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not (self._home / "PG_VERSION").exists():
            self._initialise()
        (self._home / "pg_hba.conf").write_text(HBA)  # its owner and mode stay
        # Whoever has the pid in it by now, it is none of our servers: those were ended.
        (self._home / "postmaster.pid").unlink(missing_ok=True)
        self._set_password()

    def _become_unprivileged(self) -> None:
        """As root, run everything as the owner of the data, or else as nobody."""
        if os.geteuid() != 0:
            return
        if sys.platform != "linux":
            raise ConfigurationError(
                "Postgres does not run as root on this system. Run as an ordinary user."
            )
        nobody = pwd.getpwnam("nobody")
        directory = self._home if self._home.exists() else self._home.parent
        owner = directory.stat().st_uid, directory.stat().st_gid
        # An owner without a name, as in a container's bind mount, can run Postgres, not initdb.
        if owner[0] == 0 or (directory != self._home and not _has_name(owner[0])):
            owner = nobody.pw_uid, nobody.pw_gid
        self._identity = {"user": owner[0], "group": owner[1], "extra_groups": []}
        self._bin_dir = open_to_all(self._bin_dir)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there: half a cluster is never used."""
        if not _has_name(self._identity.get("user", os.geteuid())):
            raise ConfigurationError(
                f"The user id {os.geteuid()} has no name on this system (in /etc/passwd), and "
                "Postgres asks for one. Run as a user that has a name."
            )
        staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=self._home.parent))
        try:
            if self._identity:
                os.chown(staging, self._identity["user"], self._identity["group"])
            arguments = {
                "username": SUPERUSER,
                "auth": "reject",  # _prepare() writes pg_hba.conf
                "encoding": "UTF8",
                "locale": "C",
                "locale-provider": "builtin",
                "builtin-locale": "C.UTF-8",
                "set": f"cluster_name={self._marker}",
            }
            flags = ["--no-instructions", *(["--no-sync"] if self._ephemeral else [])]
            options = [f"--{name}={value}" for name, value in arguments.items()]
            self._run("initdb", staging, *options, *flags)
            staging.rename(self._home)
        except OSError as error:
            raise ConfigurationError(
                f"{self._home} cannot be made: {error}. If it holds something else than a "
                "Postgres cluster, move that away."
            ) from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _set_password(self) -> None:
        """Give the superuser our password, whichever it had: connection.json may be lost."""
        settings = self._flags({"log_min_error_statement": "panic"})  # keeps it out of the log
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{self._address.password}'"
        self._run("postgres", self._home, *settings, SUPERUSER, first="--single", text=statement)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._bin_dir / "postgres", "-D", _name_of(self._home), *self._flags()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **self._surroundings(self._home),
        )

    def _check(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as link:
                known = "SELECT FROM pg_database WHERE datname = %s"
                if link.execute(known, [DATABASE]).rowcount == 0:
                    link.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise WrongPasswordError(f"{self.label} refuses our password") from error
            raise

    def _flags(self, extra: Mapping[str, str] | None = None) -> list[str]:
        values = {**SETTINGS, **(EPHEMERAL_SETTINGS if self._ephemeral else {}), **(extra or {})}
        values |= {"port": str(self._address.port), "cluster_name": self._marker}
        return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]

    def _run(
        self, program: str, home: Path, *arguments: str, first: str | None = None, text: str = ""
    ) -> None:
        """Run one of Postgres's programs to its end; raises UnavailableError when it fails."""
        flags = [first] if first else []
        command = [str(self._bin_dir / program), *flags, "-D", _name_of(home)]
        with self._log.open("ab") as log:
            try:
                result = subprocess.run(
                    [*command, *arguments],
                    input=text.encode(),
                    stdout=log,
                    stderr=log,
                    timeout=self._timeout,
                    start_new_session=True,
                    check=False,
                    **self._surroundings(home),
                )
            except subprocess.TimeoutExpired:
                raise self._unavailable(f"{program} took over {self._timeout:.0f} s") from None
        if result.returncode != 0:
            raise self._unavailable(f"{program} ended with code {result.returncode}")

    def _surroundings(self, home: Path) -> dict[str, Any]:
        # Nothing of our environment: neither PG… variables nor locales shall matter.
        return {"cwd": home, "env": {"LC_ALL": "C"}, "umask": 0o077, **self._identity}

    def _url(self, database: str) -> str:
        at = f"{SUPERUSER}:{self._address.password}@127.0.0.1:{self._address.port}"
        return f"postgresql://{at}/{database}"


def _name_of(home: Path) -> str:
    return "/proc/self/cwd" if sys.platform == "linux" else str(home)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False
