"""The semaphore is rebuilt from the ledger after every kind of loss, whoever comes first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from manager import Settings
from manager.ledger.execute import one
from manager.semaphore import Holder, NotReadyError, Owner
from manager.steps.account import Account, Standing
from manager.steps.context import Context
from manager.steps.slots import GRACE, acquire, mend, release

pytestmark = pytest.mark.integration

Ledger = Connection[Any]
LANE = """
INSERT INTO lane (account_id, endpoint, identifier_type, fields) VALUES (1, 'e', 'names', '{}')
"""
ACTIVE = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, attempts, slot, batch_id)
VALUES (%s, 1, 1, 'pending', 'test', 1, 1, %s, gen_random_uuid())
"""
END = "UPDATE job SET state = 'completed', slot = NULL WHERE id = %s"
WAITS_FOR_THE_LOCK = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted
  AND classid::bigint = hashtext(current_schema() || ' slots')::bigint & 4294967295
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema() || ' slots'), %s)"
NOBODY: dict[int, Holder] = {}


def job(number: int) -> Holder:
    return Holder(UUID(int=number), 1)


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    made = Context(settings, "test")
    yield made
    made.close()


@pytest.fixture
def ledger(context: Context) -> Iterator[Ledger]:
    """A connection to a ledger in which jobs 1 and 3 hold the slots 1 and 3."""
    with context.ledger.connect() as connection:
        connection.execute(LANE)
        for number in (1, 3):
            connection.execute(ACTIVE, [job(number).job_id, number])
        yield connection


@pytest.fixture
def account(context: Context, ledger: Ledger) -> Account:
    return context.accounts()[0]


@pytest.fixture
def standing(account: Account, ledger: Ledger) -> Standing:
    return account.standing(ledger)


@pytest.fixture
def key(context: Context, standing: Standing) -> str:
    return Owner(context.ledger_id, standing.id).slots


def test_an_empty_redis_grants_nothing(account: Account, ledger: Ledger) -> None:
    with pytest.raises(NotReadyError):
        account.slots.acquire(job(7), cap=5)
    assert not account.slots.ready()


def test_an_empty_redis_is_rebuilt_by_who_asks_first(
    ledger: Ledger, account: Account, standing: Standing
) -> None:
    assert acquire(ledger, account, standing, job(7)) == 2
    assert account.slots.holders() == {1: job(1), 2: job(7), 3: job(3)}


def test_many_that_ask_at_once_get_the_free_slots_and_no_others(
    settings: Settings, context: Context, ledger: Ledger, account: Account
) -> None:
    def ask(number: int) -> int | None:
        with closing(Context(settings, "asker")) as mine, mine.ledger.connect() as connection:
            account = mine.accounts()[0]
            standing = account.standing(connection)
            start.wait(timeout=20)
            return acquire(connection, account, standing, job(number))

    for _ in range(5):
        context.redis.flushall()
        start = threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            asked = dict(zip(range(11, 19), pool.map(ask, range(11, 19)), strict=True))
        granted = {slot: job(number) for number, slot in asked.items() if slot is not None}
        assert sorted(granted) == [2, 4, 5]
        assert account.slots.holders() == {1: job(1), 3: job(3)} | granted


def test_a_rebuild_waits_until_another_one_has_written_what_it_read(
    settings: Settings, context: Context, ledger: Ledger, account: Account, standing: Standing
) -> None:
    def ask() -> int | None:
        with context.ledger.connect() as connection:
            return acquire(connection, account, standing, job(7))

    with psycopg.connect(settings.postgres) as other, ThreadPoolExecutor(1) as pool:
        other.execute(f"SET search_path TO {settings.database_schema}")
        other.execute(LOCK, [account.id])
        asked = pool.submit(ask)
        deadline = time.monotonic() + 20
        while not one(ledger, WAITS_FOR_THE_LOCK, int, {}):
            assert not asked.done()
            assert time.monotonic() < deadline
        assert account.slots.holders() == NOBODY
        other.rollback()
        assert asked.result(timeout=20) == 2


def test_a_rebuild_leaves_the_account_exactly_the_slots_that_others_do_not_take(
    ledger: Ledger, account: Account
) -> None:
    ledger.execute("UPDATE account SET foreign_active = 2")
    standing = account.standing(ledger)
    assert acquire(ledger, account, standing, job(7)) == 2
    assert acquire(ledger, account, standing, job(8)) is None
    assert acquire(ledger, account, standing, job(7)) == 2


def test_without_redis_there_is_no_slot_and_no_exception(
    settings: Settings,
    ledger: Ledger,
    account: Account,
    standing: Standing,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "redis://:geheim@127.0.0.1:1/0"
    away = Context(Settings(**settings.model_dump() | {"redis_url": url}), "test")
    with caplog.at_level(logging.INFO):
        there = away.accounts()[0]
        assert acquire(ledger, there, standing, job(7)) is None
        release(there, job(1), 1)
    assert f"slot.not_taken job={job(7).job_id}" in caplog.text
    assert f"slot.not_freed job={job(1).job_id} slot=1" in caplog.text
    assert "geheim" not in caplog.text


def test_a_slot_that_only_redis_knows_is_freed_after_the_grace(
    context: Context,
    ledger: Ledger,
    account: Account,
    standing: Standing,
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mend(ledger, account, standing)
    assert acquire(ledger, account, standing, job(7)) == 2
    assert acquire(ledger, account, standing, job(8)) == 4
    context.redis.hincrby(key, "2:at", -int(GRACE))
    caplog.set_level(logging.INFO)
    mend(ledger, account, standing)
    assert account.slots.holders() == {1: job(1), 3: job(3), 4: job(8)}
    assert f"slot.mended slot=2 redis={job(7)} ledger=None" in caplog.text


def test_a_slot_whose_release_was_lost_is_freed_by_the_next_reconcile(
    ledger: Ledger, account: Account, standing: Standing
) -> None:
    mend(ledger, account, standing)
    ledger.execute(END, [job(3).job_id])
    mend(ledger, account, standing)
    assert account.slots.holders() == {1: job(1)}


def test_a_slot_that_redis_has_lost_or_given_to_another_is_mended(
    context: Context, ledger: Ledger, account: Account, standing: Standing, key: str
) -> None:
    mend(ledger, account, standing)
    context.redis.hdel(key, "1")
    context.redis.hset(key, "3", str(job(9)))
    mend(ledger, account, standing)
    assert account.slots.holders() == {1: job(1), 3: job(3)}


def test_reconciling_what_agrees_changes_and_says_nothing(
    ledger: Ledger, account: Account, standing: Standing, caplog: pytest.LogCaptureFixture
) -> None:
    acquire(ledger, account, standing, job(7))
    caplog.clear()
    mend(ledger, account, standing)
    assert account.slots.holders() == {1: job(1), 2: job(7), 3: job(3)}
    assert not caplog.records
