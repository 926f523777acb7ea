"""A gate of its own for each test, on a clock that stands still unless told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from redis import Redis

from manager.run.embedded import EmbeddedServers
from manager.semaphore import Owner, RedisGate
from tests.semaphore.gates import LIMIT, WINDOW, Clock

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def redis(servers: EmbeddedServers) -> Iterator[Redis]:
    with Redis.from_url(servers.redis_url) as connected:
        yield connected


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def owner() -> Owner:
    return Owner("gate", next(_numbers))


@pytest.fixture
def gate(redis: Redis, owner: Owner, clock: Clock) -> RedisGate:
    return RedisGate(redis, owner, LIMIT, window=WINDOW, clock=clock)
