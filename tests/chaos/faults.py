"""What can go wrong: each fault does it, waits as long as it lasts, and undoes it."""

from __future__ import annotations

import contextlib
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psutil
import psycopg
import redis

from manager.errors import EnrichdError
from manager.ledger.sql import Statements
from sandbox import SandboxError
from tests.chaos.world import SANDBOX_SETTINGS, World

Fault = Callable[[World, random.Random], None]
FAULTS: dict[str, Fault] = {}


_FILES = ("submit", "poll", "merge", "resolve", "settle", "pack", "sweep")
POINTS = [f"{file}.{name}" for file in _FILES for name in Statements(file).names()] + [
    "pack.commit",
    "merge.commit",
    "end.commit",
    "fail.commit",
    "reject.commit",
    "vendor.submit",
    "vendor.status",
    "vendor.list",
    "vendor.download",
    "semaphore.acquire",
    "semaphore.release",
    "semaphore.rebuild",
    "semaphore.before_call",
    "wake.send",
]


def fault(function: Fault) -> Fault:
    """Register it under its name."""
    FAULTS[function.__name__] = function
    return function


# Our own processes


@fault
def kill_worker_child(world: World, rng: random.Random) -> None:
    """SIGKILL to a process that runs tasks."""
    mains = world.some_daemon(rng).processes("tasks", "worker")
    _kill(rng, [child for main in mains for child in _children(main)])


@fault
def kill_worker(world: World, rng: random.Random) -> None:
    """SIGKILL to a whole worker's main process."""
    _kill(rng, world.some_daemon(rng).processes("tasks", "worker"))


@fault
def kill_beat(world: World, rng: random.Random) -> None:
    """SIGKILL to beat."""
    _kill(rng, world.some_daemon(rng).processes("tasks", "beat"))


@fault
def kill_supervisor(world: World, rng: random.Random) -> None:
    """SIGKILL to the supervisor; the daemon is started again a while later."""
    daemon = world.some_daemon(rng)
    daemon.kill()
    time.sleep(rng.uniform(0.5, 4))
    daemon.start()


@fault
def restart_daemon(world: World, rng: random.Random) -> None:
    """SIGTERM and a new start, as an upgrade does it."""
    daemon = world.some_daemon(rng)
    daemon.stop(timeout=20)
    time.sleep(rng.uniform(0, 1))
    daemon.start()


@fault
def pause_worker(world: World, rng: random.Random) -> None:
    """SIGSTOP to a worker with all its processes, for a while."""
    mains = world.some_daemon(rng).processes("tasks", "worker")
    with _stopped([process for main in mains[:1] for process in (main, *_children(main))]):
        time.sleep(rng.uniform(1, 5))


@fault
def fault_points(world: World, rng: random.Random) -> None:
    """A daemon in which processes die, hang or raise at named points, now and then."""
    daemon = world.some_daemon(rng)
    actions = ("kill @0.1", "exit @0.1", "hang 3 @0.1", "raise @0.2")
    daemon.stop(timeout=20)
    daemon.fault_points = {
        f"{when} {point}": rng.choice(actions)
        for when in ("before", "after")
        for point in rng.sample(POINTS, 12)
    }
    daemon.start()
    time.sleep(rng.uniform(5, 10))
    daemon.stop(timeout=20)
    daemon.fault_points = {}
    daemon.start()


# Redis


@fault
def redis_flushall(world: World, rng: random.Random) -> None:
    """FLUSHALL."""
    with contextlib.suppress(redis.RedisError), _redis(world) as client:
        client.flushall()


@fault
def redis_restart(world: World, rng: random.Random) -> None:
    """Killed; comes back with empty data."""
    with world.locks["servers"]:
        if process := world.redis_process():
            process.kill()
        time.sleep(rng.uniform(0, 3))
        world.servers.ensure()


@fault
def redis_pause(world: World, rng: random.Random) -> None:
    """SIGSTOP for a while."""
    with world.locks["redis"]:
        process = world.redis_process()
        with _stopped([process] if process else []):
            time.sleep(rng.uniform(1, 6))


@fault
def redis_kill_connections(world: World, rng: random.Random) -> None:
    """Every client's connection is closed, several times."""
    for _ in range(rng.randint(1, 4)):
        with contextlib.suppress(redis.RedisError), _redis(world) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(rng.uniform(0.1, 0.5))


@fault
def redis_network_cut(world: World, rng: random.Random) -> None:
    """One machine can't reach Redis."""
    daemon = world.some_daemon(rng)
    daemon.redis.cut()
    time.sleep(rng.uniform(1, 5))
    daemon.redis.mend()


@fault
def redis_network_stall(world: World, rng: random.Random) -> None:
    """One machine's packets to and from Redis are lost."""
    daemon = world.some_daemon(rng)
    daemon.redis.stall()
    time.sleep(rng.uniform(1, 8))
    daemon.redis.cut()
    daemon.redis.mend()


# Postgres


@fault
def postgres_restart(world: World, rng: random.Random) -> None:
    """A fast shutdown, or a crash, and a new start."""
    with world.locks["servers"]:
        running = world.postgres_processes()
        if running:
            crash = rng.random() < 0.5
            running[0].send_signal(signal.SIGKILL if crash else signal.SIGINT)
            psutil.wait_procs(running[:1], timeout=20)
        time.sleep(rng.uniform(0, 2))
        world.servers.ensure()


@fault
def postgres_pause(world: World, rng: random.Random) -> None:
    """SIGSTOP to all of it for a while."""
    with world.locks["postgres"], _stopped(world.postgres_processes()):
        time.sleep(rng.uniform(1, 6))


@fault
def postgres_cut_connections(world: World, rng: random.Random) -> None:
    """Every connection of ours is terminated in the middle of what it does."""
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(
            world.servers.database_url, autocommit=True, connect_timeout=5
        ) as connection,
    ):
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'enrichd%'"
        )


@fault
def postgres_network_cut(world: World, rng: random.Random) -> None:
    """One machine can't reach Postgres."""
    daemon = world.some_daemon(rng)
    daemon.postgres.cut()
    time.sleep(rng.uniform(1, 5))
    daemon.postgres.mend()


# The vendor


@fault
def vendor_network_cut(world: World, rng: random.Random) -> None:
    """One machine can't reach the vendor; what is under way is reset."""
    daemon = world.some_daemon(rng)
    daemon.vendor.cut()
    time.sleep(rng.uniform(0.5, 4))
    daemon.vendor.mend()


def _wire(route: str, kind: str, **arguments: object) -> Fault:
    def order(world: World, rng: random.Random) -> None:
        world.sandbox.fault(route, kind, times=rng.randint(1, 4), **arguments)

    return order


for _route in ("submit", "status", "list", "download"):
    for _kind in ("reset_before", "reset_after", "html", "garbage", "cut"):
        FAULTS[f"{_route}_{_kind}"] = _wire(_route, _kind)
    FAULTS[f"{_route}_hang"] = _wire(_route, "hang", after=True)
    FAULTS[f"{_route}_delay_beyond_time_out"] = _wire(_route, "delay", seconds=4.0)
    FAULTS[f"{_route}_503_not_done"] = _wire(_route, "status", status=503, after=False)
    FAULTS[f"{_route}_500_done"] = _wire(_route, "status", status=500, after=True)
for _kind in ("truncate", "corrupt", "wrong_count", "duplicate_envelope", "foreign_envelope",
              "bad_line"):  # fmt: skip
    FAULTS[f"download_{_kind}"] = _wire("download", _kind)
for _kind in ("duplicate_envelope", "foreign_envelope", "bad_line", "fail_job"):
    FAULTS[f"job_{_kind}"] = _wire("submit", _kind)
FAULTS["job_slow"] = _wire("submit", "slow_job", factor=5.0)
FAULTS["status_wrong_count"] = _wire("status", "wrong_count")
FAULTS["submit_429_of_unknown_kind"] = _wire("submit", "status", status=429, body="slow down?")
FAULTS["download_link_expired"] = _wire("download", "status", status=403)


@fault
def rate_limited(world: World, rng: random.Random) -> None:
    """The vendor's rate limits are hard for a while (429 with headers)."""
    with _setting(world, calls_per_minute=rng.choice((20, 60))):
        time.sleep(rng.uniform(2, 5))


@fault
def no_credits(world: World, rng: random.Random) -> None:
    """402 until credits are bought; the operator resumes the account then."""
    with _setting(world, credits=0):
        time.sleep(rng.uniform(1, 4))


@fault
def key_refused(world: World, rng: random.Random) -> None:
    """401 or 403; the operator resumes the account then."""
    world.sandbox.fault("submit", "status", times=1, status=rng.choice((401, 403)))


@fault
def poison_identifier(world: World, rng: random.Random) -> None:
    """400 for each submission that has a certain identifier."""
    for number in range(world.poisoned, world.poisoned + 40):
        world.sandbox.fault("submit", "poison", times=9, match=f"company-{number:07d}.example")
    world.poisoned += 400


@fault
def cap_lowered(world: World, rng: random.Random) -> None:
    """The vendor allows fewer active jobs for a while (429 of the cap)."""
    with _setting(world, cap=rng.randint(1, 3)):
        time.sleep(rng.uniform(2, 6))


@fault
def foreign_jobs(world: World, rng: random.Random) -> None:
    """Another tool with the same key has jobs of sizes that ours have, too."""
    for _ in range(rng.randint(1, 4)):
        size = rng.choice((1, 100, 199, 200, 200))
        with contextlib.suppress(SandboxError):
            world.sandbox.foreign(identifier_count=size, seconds=rng.uniform(1, 6))


@fault
def links_expire_at_once(world: World, rng: random.Random) -> None:
    """Links are valid for a moment only."""
    with _setting(world, link_ttl_seconds=0.01):
        time.sleep(rng.uniform(1, 3))


@fault
def list_lags(world: World, rng: random.Random) -> None:
    """New jobs appear late in the list."""
    with _setting(world, list_lag_seconds=3.0):
        time.sleep(rng.uniform(2, 6))


@fault
def webhooks_lost(world: World, rng: random.Random) -> None:
    """No webhook comes."""
    with _setting(world, webhook_mode="lost"):
        time.sleep(rng.uniform(2, 5))


@fault
def webhooks_doubled(world: World, rng: random.Random) -> None:
    """Each webhook comes twice."""
    with _setting(world, webhook_mode="doubled"):
        time.sleep(rng.uniform(2, 5))


@fault
def webhooks_forged(world: World, rng: random.Random) -> None:
    """Strangers call the webhook receiver with tokens of their own."""
    for _ in range(20):
        url = f"http://127.0.0.1:{world.web_port}/webhooks/{uuid.uuid4()}/{rng.random()}"
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(url, json={"status": "completed"}, timeout=2, trust_env=False)


@fault
def vendor_clock_jumps(world: World, rng: random.Random) -> None:
    """The vendor's clock jumps ahead: what is active there ends at once."""
    world.sandbox.advance(rng.uniform(10, 300))


def clear(world: World) -> None:
    """End everything that may still go wrong."""
    world.sandbox.clear_faults()
    world.sandbox.set(**SANDBOX_SETTINGS)
    with world.locks["servers"]:
        world.servers.ensure()
    for daemon in world.daemons:
        for proxy in daemon.proxies:
            proxy.mend()
        if daemon.supervisor is None:
            daemon.start()


def apply(world: World, kind: str, seed: int) -> None:
    """Carry out one fault; what a broken world makes impossible is no error of ours."""
    with contextlib.suppress(psutil.Error, SandboxError, httpx.HTTPError, EnrichdError):
        FAULTS[kind](world, random.Random(seed))


@contextmanager
def _setting(world: World, **settings: object) -> Iterator[None]:
    world.sandbox.set(**settings)
    try:
        yield
    finally:
        world.sandbox.set(**{name: SANDBOX_SETTINGS[name] for name in settings})


@contextmanager
def _stopped(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.resume()


def _redis(world: World) -> redis.Redis:
    return redis.Redis.from_url(world.servers.redis_url, socket_timeout=3)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _kill(rng: random.Random, processes: list[psutil.Process]) -> None:
    if processes:
        with contextlib.suppress(psutil.Error):
            rng.choice(processes).kill()
