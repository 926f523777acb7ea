"""The daemon: which processes it consists of, and how they are brought up on one machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from manager import semaphore
from manager.errors import ConfigurationError, UnavailableError
from manager.ledger import budgets, revision
from manager.ledger.connect import Ledger
from manager.logs import get_logger
from manager.run import first_look
from manager.run.embedded import EmbeddedServers
from manager.run.presence import present, supervised
from manager.run.supervisor import ProcessSpec, Supervisor, wait_until_reachable
from manager.settings import NO_TABLES, Settings, load_settings
from manager.steps.context import Context

log = get_logger(__name__)

REACHABLE_WITHIN = 60.0
SANDBOX_KEY = "sandbox-key"


def module(name: str, *arguments: str) -> list[str]:
    """The command line of one of our modules. -P: a caller's tasks.py must not be imported."""
    return [sys.executable, "-P", "-m", name, *arguments]


def environment() -> dict[str, str]:
    """Ours first, also where a caller's PYTHONPATH names a folder with a tasks.py of its own."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def processes(settings: Settings, run_dir: Path, *, web: bool = True) -> list[ProcessSpec]:
    """The daemon's own processes: three workers, beat and web."""
    run_dir.mkdir(parents=True, exist_ok=True)
    specs = [
        celery_process(settings, name, run_dir / f"{name}.heartbeat", *arguments)
        for name, *arguments in (
            ("worker-quick", "worker", "--queues", "enrichd.quick"),
            ("worker-merge", "worker", "--queues", "enrichd.merge"),
            ("worker-tell", "worker", "--queues", "enrichd.tell"),
            ("beat", "beat"),
        )
    ]
    if web:
        specs.append(ProcessSpec("web", module("manager", "web"), environment()))
    return specs


def sandbox_process(port: int, data_dir: Path, *options: str) -> ProcessSpec:
    """The vendor's API, local."""
    arguments = ["--port", str(port), "--api-key", SANDBOX_KEY, "--data-dir", str(data_dir)]
    return ProcessSpec("sandbox", module("sandbox", *arguments, *options), environment())


def celery_process(settings: Settings, name: str, heartbeat: Path, *arguments: str) -> ProcessSpec:
    """A worker or beat, replaced when it has not worked for too long, however alive it is."""
    return ProcessSpec(
        name,
        module("tasks", *arguments, "--heartbeat", str(heartbeat)),
        environment(),
        progress=_since_touched(settings, heartbeat),
        stalled_after=settings.stalled_after,
    )


def _since_touched(settings: Settings, heartbeat: Path) -> Callable[[], float | None]:
    """Seconds for which the process has not worked although Redis answered; without limit when it
    never has, so that one that hangs before its first task counts from its start.
    """
    redis_away = 0.0

    def progress() -> float | None:
        nonlocal redis_away
        try:
            semaphore.ping(settings)
        except UnavailableError:
            redis_away = time.time()
            return None
        touched = heartbeat.stat().st_mtime if heartbeat.exists() else 0.0
        return time.time() - max(touched, redis_away)

    return progress


def without_key(settings: Settings) -> list[str]:
    """What is missing of each account that has no key; it alone is paused.

    Raises ConfigurationError when none has one: then there is no account to serve.
    """
    missing = []
    for account in settings.served:
        try:
            account.api_key  # noqa: B018 - raises when it is missing
        except ConfigurationError as error:
            missing.append(str(error))
    if len(missing) == len(settings.served):
        raise ConfigurationError(" ".join(missing))
    return missing


def wait_for_servers(settings: Settings, stop: threading.Event | None = None) -> None:
    """Return when Postgres and Redis answer, or `stop` is set.

    Raises UnavailableError, and ConfigurationError for a Redis that we cannot work with.
    """

    def postgres() -> None:
        with Ledger(settings, "up").connect():
            pass

    wait_until_reachable(postgres, "Postgres", REACHABLE_WITHIN, stop)

    def redis() -> None:
        # before the ledger is migrated: what is refused has changed nothing; `run` checks again,
        # when the ledger has the id after which our names in Redis are made
        semaphore.check(settings)
        semaphore.ping(settings)

    wait_until_reachable(redis, "Redis", REACHABLE_WITHIN, stop)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def embedded(data_dir: Path, *, ephemeral: bool = False) -> Iterator[EmbeddedServers]:
    """Postgres and Redis of the data directory, for this process and its children."""
    for name in ("ENRICHD_DATABASE_URL", "ENRICHD_REDIS_URL"):
        if os.environ.get(name):
            raise ConfigurationError(
                f"--embedded brings its own servers, but {name} is set. Unset it, or leave "
                "--embedded out."
            )
    with EmbeddedServers(data_dir, ephemeral=ephemeral) as servers:
        os.environ["ENRICHD_DATA_DIR"] = str(servers.data_dir)
        yield servers


def run(
    settings: Settings,
    specs: list[ProcessSpec],
    stop: threading.Event,
    *,
    servers: EmbeddedServers | None = None,
    log_dir: Path | None = None,
    ready: Callable[[Settings], None] | None = None,
    upgrade: bool = True,
) -> None:
    """Bring the ledger up to date, or check that it is, and run the processes until `stop`."""
    wait_for_servers(settings, stop)
    if stop.is_set():
        return
    ledger = Ledger(settings, "up")
    if upgrade:
        from manager.ledger import migrate  # here: no other process needs Alembic

        migrate.upgrade(settings)
    else:
        with ledger.connect() as connection:
            revision.check(connection, settings.database_schema)
            budgets.keep(connection, settings)
    ledger.check_for_daemon()
    semaphore.check(settings, ledger.id())
    supervisor = Supervisor(
        specs,
        drain_timeout=settings.drain_timeout,
        heartbeat=servers.ensure if servers else None,
        log_dir=log_dir,
    )
    first_look.order(Context(settings, "up"))
    if ready:
        ready(settings)
    first_look.tell(settings, stop)
    with present(settings, "up", supervised(settings, supervisor, specs)):
        killed = supervisor.run_forever(stop)
    if killed:
        log.warning("daemon.killed", processes=killed, after=settings.drain_timeout)


def with_sandbox(
    servers: EmbeddedServers | None, data_dir: Path, *options: str
) -> tuple[Settings, ProcessSpec]:
    """Point the settings at a sandbox of our own; its process is still to be started.

    No other account is served beside it: nothing must reach the paid vendor.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if servers is not None:
        servers.publish(vendor_url=url, vendor_api_key=SANDBOX_KEY, accounts=NO_TABLES)
    os.environ |= {
        "ENRICHD_VENDOR_URL": url,
        "ENRICHD_VENDOR_API_KEY": SANDBOX_KEY,
        # the accounts that are configured have keys, and perhaps URLs, of the paid vendor
        "ENRICHD_ACCOUNTS": NO_TABLES,
    }
    return load_settings(), sandbox_process(port, data_dir / "sandbox", *options)
