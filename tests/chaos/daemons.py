"""A daemon as on a machine of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

import psutil

from tests.chaos.guarded import start_guarded
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from tests.chaos.world import World

CAP = 5
# Times scaled down with the sandbox's: a vendor whose jobs take a second.
PACE = {
    "JOB_SIZE": "200",
    "LINGER": "0.5",
    "SWEEP_INTERVAL": "0.5",
    "LOOK_MIN": "0.3",
    "LOOK_MAX": "2",
    "BACKOFF_BASE": "0.3",
    "BACKOFF_MAX": "3",
    "SUBMIT_DEADLINE": "2",
    "VENDOR_CONNECT_TIMEOUT": "1",
    "VENDOR_READ_TIMEOUT": "2",
    "VENDOR_CALLS_PER_MINUTE": "600",
    "RESOLVE_WINDOW": "6",
    "DRAIN_TIMEOUT": "5",
    "STALLED_AFTER": "15",
    "MERGE_LOCK_TIMEOUT": "2",
    "LOG_LEVEL": "INFO",
}


class Daemon:
    """One complete daemon, `enrichd up`, with its own host name, spool folder and network.

    `vendors` is its network to the vendor of each account.
    """

    def __init__(
        self, world: World, name: str, accounts: Collection[str], *, webhooks: bool
    ) -> None:
        self.name = name
        self._accounts = accounts
        self.postgres = Proxy(world.postgres_port)
        self.redis = Proxy(world.redis_port)
        self.vendors = {it.account: Proxy(it.port) for it in world.vendors.values()}
        self._world = world
        self._webhooks = webhooks
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._starting = threading.Lock()
        self.log = world.directory / f"{name}.log"
        self.fault_points: dict[str, str] = {}

    @property
    def proxies(self) -> tuple[Proxy, ...]:
        """Its network."""
        return self.postgres, self.redis, *self.vendors.values()

    @property
    def vendor(self) -> Proxy:
        """Its network to the vendor of the only account."""
        [proxy] = self.vendors.values()
        return proxy

    def start(self) -> None:
        """Start it, as on a machine of its own."""
        command = [sys.executable, "-P", "-m", "manager", "up"]
        command += ["--web" if self._webhooks else "--no-web"]
        if can_rename_host():
            shell = f'hostname {self.name}; exec "$@"'
            command = ["unshare", "--uts", "sh", "-c", shell, "sh", *command]
        with self._starting:
            if self.supervisor is None:  # else another fault has started it
                self._process, self._line = start_guarded(command, self.log, self._environment())

    @property
    def supervisor(self) -> psutil.Process | None:
        """Its supervisor, when it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self._process.pid)
        return None

    def processes(self, *words: str) -> list[psutil.Process]:
        """Its processes whose command line holds all the words."""
        found = []
        with contextlib.suppress(psutil.Error):
            for process in self.supervisor.children(recursive=True) if self.supervisor else []:
                with contextlib.suppress(psutil.Error):
                    line = process.cmdline()
                    guard = any(word.endswith("lifeline.py") for word in line)
                    if all(word in line for word in words) and not guard:
                        found.append(process)
        return found

    def kill(self) -> None:
        """SIGKILL to the supervisor alone, as the kernel would out of memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout: float) -> bool:
        """SIGTERM; whether it ended in time."""
        if self._process is None:
            return True
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def _environment(self) -> dict[str, str]:
        """What it is configured with; it reaches everything through its own network."""
        world = self._world
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("ENRICHD_")
        }
        spool = world.directory / self.name / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        ours = world.pace | {
            "DATABASE_URL": world.servers.database_url.replace(
                f":{world.postgres_port}/", f":{self.postgres.port}/"
            ),
            "REDIS_URL": world.servers.redis_url.replace(
                f":{world.redis_port}/", f":{self.redis.port}/"
            ),
            "CAP": str(CAP),
            "SPOOL_DIR": str(spool),
            "WEB_PORT": str(world.web_port),
            "FAULT_POINTS": json.dumps(self.fault_points),
        }
        for vendor in (world.vendors[name] for name in self._accounts):
            account = f"ACCOUNTS__{vendor.account.upper()}"
            ours[f"{account}__VENDOR_URL"] = f"http://127.0.0.1:{self.vendors[vendor.account].port}"
            ours[f"{account}__VENDOR_API_KEY"] = vendor.api_key
        if self._webhooks:
            ours["WEBHOOK_URL"] = f"http://127.0.0.1:{world.web_port}"
        return kept | {f"ENRICHD_{name}": value for name, value in ours.items()}


def can_rename_host() -> bool:
    """Whether processes may have a host name of their own here (Linux, root)."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--uts", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
