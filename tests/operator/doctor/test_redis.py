"""Redis: server, rights by trying, who else is there; nothing is left behind."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis import Redis

from manager import Settings
from manager.operator.doctor import Finding
from manager.semaphore import connect, queue_prefix
from manager.semaphore.trouble import RIGHTS
from manager.settings.redis_url import RedisAddress
from manager.steps.context import Context
from tests.operator.doctor.looking import hanging_port, look, only, troubles
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration


def looked(settings: Settings) -> list[Finding]:
    return look(settings, "redis")


def at(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(url)})


def user(settings: Settings, redis: Redis, *rights: str) -> Settings:
    """Settings of a user `clerk` that may do what our documents say, and then this."""
    command = ["ACL", "SETUSER", "clerk", "reset", "on", ">pw", *RIGHTS.split(), *rights]
    redis.execute_command(*command)  # type: ignore[no-untyped-call]
    address = RedisAddress.parse(settings.redis)
    return at(settings, f"redis://clerk:pw@{address}/{address.db}")


def test_a_redis_as_it_should_be_is_no_trouble_and_keeps_nothing(settings: Settings) -> None:
    found = looked(settings)
    assert troubles(found) == []
    assert [it.subject for it in found] == [
        "server",
        "memory",
        "rights",
        "TLS",
        "latency",
        "names",
        "queues",
    ]
    with connect(settings) as redis:
        assert redis.dbsize() == 0


def test_a_user_with_the_documented_rights_is_enough(settings: Settings) -> None:
    with connect(settings) as redis:
        found = looked(user(settings, redis))
        assert troubles(found) == []
        assert only(found, "rights").means == "user clerk may do all that is needed"
        assert "may not list them" in only(found, "names").means
        assert redis.dbsize() == 0


def test_missing_rights_are_named(settings: Settings) -> None:
    with connect(settings) as redis:
        problem = only(looked(user(settings, redis, "-zadd", "-brpop")), "server")
        assert problem.level == "problem"
        assert "+zadd +brpop" in problem.means
        assert redis.dbsize() == 0


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_policy_that_drops_our_names_is_a_warning(settings: Settings, policy: str) -> None:
    with connect(settings) as redis:
        redis.config_set("maxmemory-policy", policy)
        try:
            assert (
                policy
                in only([it for it in looked(settings) if it.level == "warning"], "server").means
            )
        finally:
            redis.config_set("maxmemory-policy", "noeviction")


def test_other_ledgers_there_are_counted(settings: Settings) -> None:
    other = str(uuid4())
    with connect(settings) as redis:
        redis.set(f"enrichd:{{{other}:1}}:slots", "1")
        redis.set("shop:basket", "1")
        found = looked(settings)
    assert only(found, "names").means == (
        f"1 other ledger here, under names of their own: {other}; 1 name of others in this database"
    )


def test_wake_ups_that_nobody_takes_are_a_warning(settings: Settings) -> None:
    ledger = Context(settings, "test").ledger_id
    with connect(settings) as redis:
        redis.rpush(f"{queue_prefix(ledger)}enrichd.quick.{settings.account}", *range(101))
        warning = only(looked(settings), "queues")
    assert f"enrichd.quick.{settings.account} has 101" in warning.means


@pytest.mark.slow
def test_one_that_hangs_is_given_up(settings: Settings) -> None:
    with hanging_port() as port:
        found = looked(at(settings, f"redis://127.0.0.1:{port}"))
    assert troubles(found) == [("problem", "reached")]


def test_one_that_is_not_there_is_one_problem(settings: Settings) -> None:
    found = looked(at(settings, f"redis://:s3cret@127.0.0.1:{closed_port()}"))
    assert troubles(found) == [("problem", "reached")]
    assert "s3cret" not in repr(found)
    assert troubles(looked(settings.model_copy(update={"redis_url": None}))) == [
        ("problem", "reached")
    ]


def test_without_a_ledger_the_server_is_looked_at(settings: Settings) -> None:
    found = looked(settings.model_copy(update={"database_url": None}))
    assert troubles(found) == []
    assert "not tried, since there is no ledger yet" in only(found, "rights").means
