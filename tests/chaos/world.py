"""The world of a run: servers, a vendor for each account, and daemons as on several machines."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from manager import Settings
from manager.ledger import migrate
from manager.run.embedded import EmbeddedServers
from manager.run.processes import free_port
from sandbox import SandboxControl
from tests.chaos.daemons import CAP, PACE, Daemon
from tests.chaos.vendors import Vendor

__all__ = ["CAP", "World"]


class World:
    """Everything that a run needs, in a directory that goes with it.

    Every daemon serves all accounts, or each another one (`apart`). `vendors` are the accounts'
    vendors by the accounts' names.
    """

    def __init__(
        self,
        seed: int,
        daemons: int,
        pace: Mapping[str, str] | None = None,
        accounts: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        apart: bool = False,
    ) -> None:
        """pace: settings of the daemons. accounts: settings of each one's vendor."""
        self.apart = apart
        self.directory = Path(tempfile.mkdtemp(prefix="enrichd-chaos-"))
        self.seed = seed
        self.servers = EmbeddedServers(self.directory / "servers", ephemeral=True)
        self.web_port = free_port()
        self.locks = {name: threading.Lock() for name in ("servers", "postgres", "redis")}
        self._stack = contextlib.ExitStack()
        self._count = daemons
        self._accounts = accounts or {"default": {}}
        self.pace = PACE | dict(pace or {})
        self.vendors: dict[str, Vendor] = {}
        self.daemons: list[Daemon] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            stack.enter_context(self.servers)
            self.postgres_port = urlsplit(self.servers.database_url).port or 0
            self.redis_port = urlsplit(self.servers.redis_url).port or 0
            for account, settings in self._accounts.items():
                vendor = Vendor(account, self.directory, settings)
                stack.callback(vendor.close)
                self.vendors[account] = vendor
            self.settings = Settings(
                database_url=self.servers.database_url,
                redis_url=self.servers.redis_url,
                cap=CAP,
                accounts={
                    name: {"vendor_url": it.control.url, "vendor_api_key": it.api_key}
                    for name, it in self.vendors.items()
                },
            )
            migrate.upgrade(self.settings)
            names = list(self.vendors)
            for number in range(1, self._count + 1):
                served = [names[(number - 1) % len(names)]] if self.apart else names
                daemon = Daemon(self, f"machine-{number}", served, webhooks=number == 1)
                for proxy in daemon.proxies:
                    stack.enter_context(proxy)
                daemon.start()
                stack.callback(daemon.kill)
                self.daemons.append(daemon)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def sandbox(self) -> SandboxControl:
        """The vendor of the only account."""
        [vendor] = self.vendors.values()
        return vendor.control

    @property
    def secrets(self) -> list[str]:
        """What must appear nowhere."""
        urls = (self.servers.database_url, self.servers.redis_url)
        passwords = [url.split(":")[2].split("@")[0] for url in urls]
        return [*(it.api_key for it in self.vendors.values()), *passwords]

    def some_daemon(self, rng: random.Random) -> Daemon:
        """One of them."""
        return rng.choice(self.daemons)

    def some_vendor(self, rng: random.Random) -> Vendor:
        """One account's."""
        return self.vendors[rng.choice(list(self.vendors))]

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
