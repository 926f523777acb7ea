"""Runs the real daemon, and the sandbox as a process of its own, beside a benchmark."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psutil

from manager import Settings
from manager.operator.status import status
from manager.run.embedded import EmbeddedServers
from manager.run.processes import SANDBOX_KEY, free_port, module, sandbox_process
from manager.run.supervisor import ProcessSpec, Supervisor
from manager.steps.context import Context
from sandbox import SandboxControl

START_LIMIT = 60.0


@contextmanager
def daemon(servers: EmbeddedServers, settings: Settings) -> Iterator[psutil.Process]:
    """`enrichd up` with these settings."""
    environment = {
        f"ENRICHD_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
    } | {
        "ENRICHD_DATABASE_URL": settings.postgres,
        "ENRICHD_REDIS_URL": settings.redis,
        "ENRICHD_VENDOR_API_KEY": settings.api_key,
    }
    context = Context(settings, "benchmark")
    up = ProcessSpec("up", module("manager", "up", "--no-web"), env=environment)
    with _supervised(servers, up, lambda: status(context).ok) as process:
        yield process


@contextmanager
def vendor(servers: EmbeddedServers, **paces: float) -> Iterator[SandboxControl]:
    """A sandbox without rate limits."""
    port = free_port()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in paces.items()]
    spec = sandbox_process(
        port, servers.data_dir / "sandbox", "--calls-per-minute=100000", *options
    )
    with SandboxControl(f"http://127.0.0.1:{port}", SANDBOX_KEY) as control:

        def ready() -> bool:
            try:
                return bool(control.settings())
            except httpx.HTTPError:
                return False

        with _supervised(servers, spec, ready):
            yield control


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
