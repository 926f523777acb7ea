"""The world of a run: servers, the sandbox, and daemons as on several machines."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import psutil

from manager import Settings
from manager.ledger import migrate
from manager.run.embedded import EmbeddedServers
from manager.run.processes import free_port
from manager.run.supervisor import lifeline
from sandbox import SandboxControl
from tests.chaos.proxy import Proxy

CAP = 5
# Above ours, so that a sixth job of ours would be seen and not refused.
SANDBOX_CAP = 50
LIST_LAG = 1.0
SANDBOX_SETTINGS: dict[str, Any] = {
    "cap": SANDBOX_CAP,
    "calls_per_minute": 6000,
    "pending_seconds": 0.2,
    "processing_seconds": 0.8,
    "seconds_per_1000": 2.0,
    "list_lag_seconds": LIST_LAG,
    "link_ttl_seconds": 432_000.0,
    "webhook_mode": "normal",
    "part_lines": 60,
    "unresolved_share": 0.02,
    "credits": None,
}
# Times scaled down with the sandbox's: a vendor whose jobs take a second.
PACE = {
    "JOB_SIZE": "200",
    "LINGER": "0.5",
    "SWEEP_INTERVAL": "0.5",
    "RECONCILE_INTERVAL": "3",
    "POLL_MIN": "0.3",
    "POLL_MAX": "2",
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


def start_guarded(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process that ends with us, however we end, or when the socket is closed."""
    ours, theirs = socket.socketpair()
    guarded = [sys.executable, "-I", "-S", lifeline.__file__, str(theirs.fileno()), "0", *command]
    with theirs, log.open("ab") as output:
        process = subprocess.Popen(
            guarded,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return process, ours


class Daemon:
    """One complete daemon, `enrichd up`, with its own host name, spool folder and network."""

    def __init__(self, world: World, name: str, webhooks: bool) -> None:
        self.name = name
        self.postgres = Proxy(world.postgres_port)
        self.redis = Proxy(world.redis_port)
        self.vendor = Proxy(world.vendor_port)
        self._world = world
        self._webhooks = webhooks
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._starting = threading.Lock()
        self.log = world.directory / f"{name}.log"
        self.fault_points: dict[str, str] = {}

    @property
    def proxies(self) -> tuple[Proxy, Proxy, Proxy]:
        """Its network."""
        return self.postgres, self.redis, self.vendor

    def start(self) -> None:
        """Start it, as on a machine of its own."""
        command = [sys.executable, "-P", "-m", "manager", "up"]
        command += ["--web" if self._webhooks else "--no-web"]
        if can_rename_host():
            shell = f'hostname {self.name}; exec "$@"'
            command = ["unshare", "--uts", "sh", "-c", shell, "sh", *command]
        with self._starting:
            if self.supervisor is None:  # else another fault has started it
                environment = self._world.environment(self, self._webhooks)
                self._process, self._line = start_guarded(command, self.log, environment)

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


class World:
    """Everything that a run needs, in a directory that goes with it."""

    def __init__(self, seed: int, daemons: int, pace: Mapping[str, str] | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="enrichd-chaos-"))
        self.seed = seed
        self.api_key = f"chaos-{secrets.token_hex(12)}"
        self.servers = EmbeddedServers(self.directory / "servers", ephemeral=True)
        self.vendor_port = free_port()
        self.web_port = free_port()
        self.locks = {name: threading.Lock() for name in ("servers", "postgres", "redis")}
        self._stack = contextlib.ExitStack()
        self._count = daemons
        self._pace = PACE | dict(pace or {})
        self.daemons: list[Daemon] = []
        self.poisoned = 0
        self.sandbox = SandboxControl(f"http://127.0.0.1:{self.vendor_port}")

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.enter_context(self.servers)
            self.postgres_port = urlsplit(self.servers.database_url).port or 0
            self.redis_port = urlsplit(self.servers.redis_url).port or 0
            self.settings = Settings(
                database_url=self.servers.database_url,
                redis_url=self.servers.redis_url,
                vendor_url=self.sandbox.url,
                vendor_api_key=self.api_key,
                cap=CAP,
            )
            migrate.upgrade(self.settings)
            stack.callback(self._start_sandbox().kill)
            for number in range(1, self._count + 1):
                daemon = Daemon(self, f"machine-{number}", webhooks=number == 1)
                for proxy in daemon.proxies:
                    stack.enter_context(proxy)
                daemon.start()
                stack.callback(daemon.kill)
                self.daemons.append(daemon)
            stack.enter_context(self.sandbox)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self, daemon: Daemon, webhooks: bool) -> dict[str, str]:
        """What a daemon is configured with; it reaches everything through its own network."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("ENRICHD_")
        }
        spool = self.directory / daemon.name / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        database = self.servers.database_url.replace(
            f":{self.postgres_port}/", f":{daemon.postgres.port}/"
        )
        ours = self._pace | {
            "DATABASE_URL": database,
            "REDIS_URL": self.servers.redis_url.replace(
                f":{self.redis_port}/", f":{daemon.redis.port}/"
            ),
            "VENDOR_URL": f"http://127.0.0.1:{daemon.vendor.port}",
            "VENDOR_API_KEY": self.api_key,
            "CAP": str(CAP),
            "SPOOL_DIR": str(spool),
            "WEB_PORT": str(self.web_port),
            "FAULT_POINTS": json.dumps(daemon.fault_points),
        }
        if webhooks:
            ours["WEBHOOK_URL"] = f"http://127.0.0.1:{self.web_port}"
        return kept | {f"ENRICHD_{name}": value for name, value in ours.items()}

    def some_daemon(self, rng: random.Random) -> Daemon:
        """One of them."""
        return rng.choice(self.daemons)

    def postgres_processes(self) -> list[psutil.Process]:
        """The postmaster and its backends."""
        pid = self.servers.pids["Postgres"]
        if pid is None:
            return []
        with contextlib.suppress(psutil.Error):
            postmaster = psutil.Process(pid)
            return [postmaster, *postmaster.children(recursive=True)]
        return []

    def redis_process(self) -> psutil.Process | None:
        """The Redis server."""
        pid = self.servers.pids["Redis"]
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid) if pid is not None else None
        return None

    def _start_sandbox(self) -> subprocess.Popen[bytes]:
        options = [
            f"--{name.replace('_', '-')}={json.dumps(value)}"
            for name, value in SANDBOX_SETTINGS.items()
        ]
        command = [sys.executable, "-P", "-m", "sandbox", "--port", str(self.vendor_port)]
        command += ["--api-key", self.api_key, *options]
        process, self._line = start_guarded(command, self.directory / "sandbox.log")
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.sandbox.url}/_sandbox/settings", trust_env=False)
                return process
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    process.send_signal(signal.SIGKILL)
                    raise
                time.sleep(0.05)


def can_rename_host() -> bool:
    """Whether processes may have a host name of their own here (Linux, root)."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--uts", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
