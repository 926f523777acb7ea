from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from manager.errors import ConfigurationError, UnavailableError
from manager.redact import without_passwords
from manager.run.supervisor import wait_until_reachable


def failing(times: int, error: Exception) -> Callable[[], None]:
    left = [error] * times

    def check() -> None:
        if left:
            raise left.pop()

    return check


def test_it_waits_until_the_check_passes_and_tells_each_reason_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "manager.run.supervisor")
    check = failing(2, ConnectionRefusedError("connection refused"))

    wait_until_reachable(check, "Postgres at db:5432", timeout=20.0)

    assert [record.getMessage() for record in caplog.records] == [
        "server.awaited server=Postgres at db:5432 why=connection refused",
        "server.reached server=Postgres at db:5432",
    ]


def test_what_is_there_at_once_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "manager.run.supervisor")
    wait_until_reachable(lambda: None, "Redis at cache:6379", timeout=0.0)
    assert caplog.text == ""


def test_the_time_out_tells_what_and_why() -> None:
    with pytest.raises(UnavailableError, match=r"Redis at cache:6379 cannot be .* refused"):
        wait_until_reachable(
            failing(100, ConnectionError("refused")), "Redis at cache:6379", timeout=0.1
        )


def test_a_wrong_configuration_is_not_waited_for() -> None:
    with pytest.raises(ConfigurationError):
        wait_until_reachable(failing(1, ConfigurationError("no URL")), "Redis", timeout=60.0)


def test_no_password_of_a_real_client_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "manager.run.supervisor")
    postgres = "postgresql://enrichd:hunter2@127.0.0.1:1/enrichd"
    cache = "redis://:hunter2@127.0.0.1:1/0"

    def check_postgres() -> None:
        psycopg.connect(postgres).close()

    def check_redis() -> None:
        redis.Redis.from_url(cache).ping()

    for check, url in ((check_postgres, postgres), (check_redis, cache)):
        with pytest.raises(UnavailableError) as failure:
            wait_until_reachable(check, f"a server at {url}", timeout=0.0)
        assert "hunter2" not in str(failure.value)
        assert "127.0.0.1:1" in str(failure.value)
        assert failure.value.__cause__ is None
    assert "hunter2" not in caplog.text


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=3))
def test_passwords_in_urls_and_conninfo_are_left_out(password: str) -> None:
    secret = f"<{password}>"
    for message in (
        f"cannot open postgresql://me:{secret}@db/x",
        f"redis://:{secret}@cache:6379/0 is not there.",
        f"conninfo: host=db password={secret} user=me",
        f"conninfo: password='{secret}' user=me",
    ):
        assert secret not in without_passwords(message)
