"""What the daemon needs of Redis works on every server that is supported, with the least rights."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from celery.contrib.testing.worker import start_worker
from redis import Redis

from manager import Settings
from manager.semaphore import Holder, NotReadyError, Owner, RedisGate, Slots, check, connect, look
from manager.semaphore.trouble import RIGHTS
from manager.steps.context import Wake
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn
from tasks.app import App, queue_name
from tasks.steps import send
from tests.foreign.redis import NAMES, ForeignRedis, running

pytestmark = pytest.mark.integration
LEDGER = "a-ledger"
HOLDERS = [Holder(UUID(int=number), 1) for number in range(1, 4)]


@pytest.fixture(scope="module", params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[ForeignRedis]:
    with running(request.param) as started:
        started.run("ACL", "SETUSER", "shop", "on", ">p@ss w:/?#", *RIGHTS.split())
        yield started


@pytest.fixture
def there(server: ForeignRedis) -> Settings:
    """Settings that enter it as the user `shop`."""
    return Settings(
        redis_url=f"redis://shop:p%40ss%20w%3A%2F%3F%23@{server.where}/3", vendor_api_key="k"
    )


@pytest.fixture
def redis(there: Settings) -> Iterator[Redis]:
    with connect(there) as client:
        yield client


def test_it_is_what_it_is_and_nothing_is_missing(server: ForeignRedis, there: Settings) -> None:
    found = look(there, LEDGER)
    assert f"{found.kind} {found.version}".lower().startswith(server.name.replace("-", " "))
    assert (found.problems, found.warnings) == ([], [])
    assert (found.mode, found.role, found.policy) == ("standalone", "master", "noeviction")
    assert (found.user, found.tls) == ("shop", None)
    assert server.run("DBSIZE") == 0, "a look leaves nothing"


def test_slots_are_rebuilt_granted_and_freed(redis: Redis) -> None:
    slots = Slots(redis, Owner(LEDGER, 1))
    with pytest.raises(NotReadyError):
        slots.acquire(HOLDERS[0], cap=2)
    slots.rebuild([(1, HOLDERS[0])], foreign=0, grace=30)
    assert slots.acquire(HOLDERS[1], cap=2) == 2
    assert slots.acquire(HOLDERS[2], cap=2) is None
    assert slots.release(HOLDERS[0], 1)
    assert slots.acquire(HOLDERS[2], cap=2) == 1
    assert slots.holders() == {1: HOLDERS[2], 2: HOLDERS[1]}


def test_calls_are_granted_queued_and_given_back(redis: Redis) -> None:
    gate = RedisGate(redis, Owner(LEDGER, 1), calls_per_minute=2)
    for _ in range(2):
        gate.take("submit", "a", Worth.SUBMIT)
    with pytest.raises(NotYourTurn):
        gate.take("submit", "b", Worth.SUBMIT)
    gate.give_back("submit", "a")
    gate.take("submit", "b", Worth.SUBMIT)
    gate.answered("submit", limit=5, remaining=1, reset=20, blocked=None)
    assert gate.calls("submit")[:2] == (4, 5)
    gate.forget()
    assert gate.calls("submit").used == 0


def test_a_wake_up_reaches_a_worker_of_its_ledger_and_no_other(there: Settings) -> None:
    ours, others = App(there, LEDGER), App(there, "another-ledger")
    taken = []
    for app in (ours, others):
        app.is_daemon = True

        @app.task(name="enrichd.sweep", shared=False)  # type: ignore[untyped-decorator]
        def sweep(account: str, app: App = app) -> None:
            taken.append((app.ledger_id, account))

    send(others, Wake("sweep", "default"))
    with start_worker(ours, perform_ping_check=False, shutdown_timeout=30):
        send(ours, Wake("sweep", "default"))
        pongs = ours.control.inspect(timeout=10, limit=1).ping()
        assert others.control.inspect(timeout=0.2).ping() is None
    assert taken == [(LEDGER, "default")]
    assert list(pongs.values()) == [{"ok": "pong"}]
    assert others.waiting(queue_name("quick", "default")) == 1


@pytest.mark.parametrize(
    ("taken", "needed"),
    [
        ("-brpop", "+brpop"),
        ("-hset", "+hset"),
        ("-evalsha", "+evalsha"),
        ("-publish", "+publish"),
        ("-subscribe", "+subscribe"),
        ("resetkeys", "~enrichd:*"),
        ("resetchannels", "&enrichd:*"),
    ],
)
def test_a_right_that_is_missing_is_told_with_the_command_that_gives_it(
    server: ForeignRedis, there: Settings, taken: str, needed: str
) -> None:
    server.run("ACL", "SETUSER", "shop", taken)
    try:
        found = look(there, LEDGER)
        assert found.missing == (needed,)
        [problem] = found.problems
        assert problem.endswith(f"Run there: ACL SETUSER shop {needed}")
    finally:
        server.run("ACL", "SETUSER", "shop", *RIGHTS.split())
    check(there, LEDGER)


def test_the_rights_reach_nobody_elses_keys_and_channels(
    server: ForeignRedis, redis: Redis
) -> None:
    server.run("SET", "theirs", "1")
    for command in (
        ("GET", "theirs"),
        ("DEL", "theirs"),
        ("PUBLISH", "theirs", "x"),
        ("KEYS", "*"),
        ("SCAN", 0),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
    ):
        with pytest.raises(Exception, match="lacks a right"):
            redis.execute_command(*command)  # type: ignore[no-untyped-call]
    server.run("DEL", "theirs")
