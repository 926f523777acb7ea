"""Runs the real daemon, and sandboxes as processes of their own, beside a benchmark."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
from pydantic import SecretStr

from manager import Settings
from manager.operator.status import status
from manager.run.embedded import EmbeddedServers
from manager.run.processes import SANDBOX_KEY, environment, free_port, module, sandbox_process
from manager.run.supervisor import ProcessSpec, Supervisor
from manager.settings.names import variable
from manager.steps.context import Context
from sandbox import SandboxControl

START_LIMIT = 60.0


@contextmanager
def daemon(servers: EmbeddedServers, settings: Settings) -> Iterator[psutil.Process]:
    """`enrichd up` with these settings; with the web process where webhooks lead to it."""
    web = "--web" if settings.webhook_url else "--no-web"
    up = ProcessSpec("up", module("manager", "up", web), env=environment() | _variables(settings))
    context = Context(settings, "benchmark")
    with _supervised(servers, up, lambda: status(context).ok) as process:
        yield process


@contextmanager
def vendor(servers: EmbeddedServers, **settings: Any) -> Iterator[SandboxControl]:
    """A sandbox with these settings; without rate limits unless they set some."""
    port = free_port()
    options = [
        f"--{name.replace('_', '-')}={json.dumps(value)}"
        for name, value in ({"calls_per_minute": None} | settings).items()
    ]
    spec = sandbox_process(port, servers.data_dir / f"sandbox-{port}", *options)
    with SandboxControl(f"http://127.0.0.1:{port}", SANDBOX_KEY) as control:

        def ready() -> bool:
            try:
                return bool(control.settings())
            except httpx.HTTPError:
                return False

        with _supervised(servers, spec, ready):
            yield control


def _variables(settings: Settings) -> dict[str, str]:
    """The settings as the daemon reads them; those that were not set keep their defaults."""
    given = {
        variable(name): value
        for name, value in settings.model_dump(exclude_unset=True, exclude={"accounts"}).items()
    }
    for name, table in settings.accounts.items():
        for setting, value in table.model_dump(exclude_none=True).items():
            given[variable("accounts", name, setting)] = value
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
        if value is not None
    }


@contextmanager
def _supervised(
    servers: EmbeddedServers, spec: ProcessSpec, ready: Callable[[], bool]
) -> Iterator[psutil.Process]:
    """The process, once it is ready; it ends with the block, or with this process."""
    supervisor = Supervisor([spec], drain_timeout=30, log_dir=servers.log_dir)
    stop = threading.Event()
    running = threading.Thread(target=supervisor.run_forever, args=(stop,))
    running.start()
    try:
        deadline = time.monotonic() + START_LIMIT
        while not ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{spec.name} did not come up; see {servers.log_dir}")
            time.sleep(0.2)
        pid = supervisor.status()[0].pid
        assert pid is not None
        yield psutil.Process(pid)
    finally:
        stop.set()
        running.join()
