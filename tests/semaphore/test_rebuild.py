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
from manager.ledger.connect import one
from manager.semaphore import Holder, NotReadyError
from manager.steps.context import Account, Context
from manager.steps.reconcile import GRACE, acquire, reconcile_slots, release

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
  AND classid::bigint = hashtext('slots')::bigint & 4294967295
"""
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
    return context.account(ledger)


@pytest.fixture
def key(settings: Settings) -> str:
    return f"enrichd:{{{settings.account}}}:slots"


def test_an_empty_redis_grants_nothing(context: Context) -> None:
    with pytest.raises(NotReadyError):
        context.slots.acquire(job(7), cap=5)
    assert not context.slots.ready()


def test_an_empty_redis_is_rebuilt_by_who_asks_first(
    context: Context, ledger: Ledger, account: Account
) -> None:
    assert acquire(context, ledger, account, job(7)) == 2
    assert context.slots.holders() == {1: job(1), 2: job(7), 3: job(3)}


def test_many_that_ask_at_once_get_the_free_slots_and_no_others(
    settings: Settings, context: Context, ledger: Ledger
) -> None:
    def ask(number: int) -> int | None:
        with closing(Context(settings, "asker")) as mine, mine.ledger.connect() as connection:
            account = mine.account(connection)
            start.wait(timeout=20)
            return acquire(mine, connection, account, job(number))

    for _ in range(5):
        context.redis.flushall()
        start = threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            asked = dict(zip(range(11, 19), pool.map(ask, range(11, 19)), strict=True))
        granted = {slot: job(number) for number, slot in asked.items() if slot is not None}
        assert sorted(granted) == [2, 4, 5]
        assert context.slots.holders() == {1: job(1), 3: job(3)} | granted


def test_a_rebuild_waits_until_another_one_has_written_what_it_read(
    settings: Settings, context: Context, ledger: Ledger, account: Account
) -> None:
    def ask() -> int | None:
        with context.ledger.connect() as connection:
            return acquire(context, connection, account, job(7))

    with psycopg.connect(settings.postgres) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('slots'), %s)", [account.id])
        asked = pool.submit(ask)
        deadline = time.monotonic() + 20
        while not one(ledger, WAITS_FOR_THE_LOCK, {}).count:
            assert not asked.done()
            assert time.monotonic() < deadline
        assert context.slots.holders() == NOBODY
        other.rollback()
        assert asked.result(timeout=20) == 2


def test_a_rebuild_leaves_the_account_exactly_the_slots_that_others_do_not_take(
    context: Context, ledger: Ledger
) -> None:
    ledger.execute("UPDATE account SET foreign_active = 2")
    account = context.account(ledger)
    assert acquire(context, ledger, account, job(7)) == 2
    assert acquire(context, ledger, account, job(8)) is None
    assert acquire(context, ledger, account, job(7)) == 2


def test_without_redis_there_is_no_slot_and_no_exception(
    settings: Settings, ledger: Ledger, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    url = "redis://:geheim@127.0.0.1:1/0"
    away = Context(Settings(**settings.model_dump() | {"redis_url": url}), "test")
    with caplog.at_level(logging.WARNING):
        assert acquire(away, ledger, account, job(7)) is None
        release(away, job(1), 1)
    assert f"no slot for job {job(7).job_id}" in caplog.text
    assert f"slot 1 of job {job(1).job_id} not released yet" in caplog.text
    assert "geheim" not in caplog.text


def test_a_slot_that_only_redis_knows_is_freed_after_the_grace(
    context: Context,
    ledger: Ledger,
    account: Account,
    key: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reconcile_slots(context, ledger, account)
    assert acquire(context, ledger, account, job(7)) == 2
    assert acquire(context, ledger, account, job(8)) == 4
    context.redis.hincrby(key, "2:at", -int(GRACE))
    reconcile_slots(context, ledger, account)
    assert context.slots.holders() == {1: job(1), 3: job(3), 4: job(8)}
    assert f"slot 2 in Redis: {job(7)}, the ledger says None" in caplog.text


def test_a_slot_whose_release_was_lost_is_freed_by_the_next_reconcile(
    context: Context, ledger: Ledger, account: Account
) -> None:
    reconcile_slots(context, ledger, account)
    ledger.execute(END, [job(3).job_id])
    reconcile_slots(context, ledger, account)
    assert context.slots.holders() == {1: job(1)}


def test_a_slot_that_redis_has_lost_or_given_to_another_is_mended(
    context: Context, ledger: Ledger, account: Account, key: str
) -> None:
    reconcile_slots(context, ledger, account)
    context.redis.hdel(key, "1")
    context.redis.hset(key, "3", str(job(9)))
    reconcile_slots(context, ledger, account)
    assert context.slots.holders() == {1: job(1), 3: job(3)}


def test_reconciling_what_agrees_changes_and_says_nothing(
    context: Context, ledger: Ledger, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    acquire(context, ledger, account, job(7))
    caplog.clear()
    reconcile_slots(context, ledger, account)
    assert context.slots.holders() == {1: job(1), 2: job(7), 3: job(3)}
    assert not caplog.records
