"""What hurts the servers, Redis and Postgres, and the network to them."""

from __future__ import annotations

import contextlib
import random
import signal
import time

import psutil
import psycopg
import redis

from tests.chaos.faults.registry import fault, stopped
from tests.chaos.world import World


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
        with stopped([process] if process else []):
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
    with world.locks["postgres"], stopped(world.postgres_processes()):
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


def _redis(world: World) -> redis.Redis:
    return redis.Redis.from_url(world.servers.redis_url, socket_timeout=3)
