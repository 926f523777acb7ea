"""Many processes take and free slots at once; the ledger is the witness that cannot race."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.errors import UniqueViolation

from manager import Settings
from manager.ledger.execute import execute, first, one, rows
from manager.ledger.sql import Statements
from manager.semaphore import Holder
from manager.steps.context import Context
from manager.steps.slots import acquire, mend, release

pytestmark = pytest.mark.integration

ATTEMPT = Statements("attempt")
SPAWN = multiprocessing.get_context("spawn")
PROCESSES, ROUNDS, CAP = 6, 25, 3
PATIENCE = 60.0

LANE = """
INSERT INTO lane (account_id, endpoint, identifier_type, fields) VALUES (1, 'e', 'names', '{}')
"""
# each job has a size of its own: two submissions of one size are refused for another reason
JOB = """
INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
VALUES (%(id)s, 1, 1, 'packed', 'test', %(size)s)
"""
# How many jobs were active after each move, in the order in which the moves were written down.
ACTIVE_AFTER_EACH_MOVE = """
SELECT sum((to_state = 'submitting')::integer - coalesce(from_state = 'submitting', false)::integer)
       OVER (ORDER BY id)::integer AS active
FROM job_event
"""
BEGUN = "SELECT count(*) FROM job_event WHERE to_state = 'submitting'"


def take_and_free(
    settings: Settings, number: int, start: Barrier, told: Queue[Counter[str]]
) -> None:
    """Begin and put back one job, over and over, as `submit` does it."""
    happened: Counter[str] = Counter()
    with closing(Context(settings, "hammer")) as context, context.ledger.connect() as connection:
        account = context.accounts()[0]
        standing = account.standing(connection)
        job_id = UUID(int=number)
        execute(connection, JOB, {"id": job_id, "size": number})
        start.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while happened["begun"] < ROUNDS and time.monotonic() < deadline:
            holder = Holder(job_id, happened["begun"] + 1)
            slot = acquire(connection, account, standing, holder)
            happened["asked"] += 1
            if slot is None:
                continue
            if begin(connection, holder, slot):
                happened["begun"] += 1
                put_back(connection, holder)
            else:
                happened["refused"] += 1
            release(account, holder, slot)
    told.put(happened)


def begin(connection: Connection[Any], holder: Holder, slot: int) -> bool:
    parameters = {
        "job_id": holder.job_id,
        "account_id": 1,
        "attempts": holder.attempt - 1,
        "slot": slot,
        "why": f"attempt {holder.attempt} in slot {slot}",
        "token_hash": b"",
        "resolve_after": timedelta(seconds=60),
    }
    try:
        return first(connection, ATTEMPT.begin, UUID, parameters) is not None
    except UniqueViolation:
        return False


def put_back(connection: Connection[Any], holder: Holder) -> None:
    parameters = {
        "job_id": holder.job_id,
        "account_id": 1,
        "attempts": holder.attempt,
        "why": "put back",
        "error": None,
        "failed": False,
        "wait": timedelta(0),
    }
    assert execute(connection, ATTEMPT.put_back, parameters) == 1


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    with closing(Context(settings, "test")) as made:
        yield made


@pytest.fixture
def ledger(context: Context) -> Iterator[Connection[Any]]:
    with context.ledger.connect() as connection:
        connection.execute(LANE)
        connection.execute("DELETE FROM slot WHERE number > %s", [CAP])
        yield connection


@contextmanager
def running(settings: Settings, told: Queue[Counter[str]]) -> Iterator[list[BaseProcess]]:
    start = SPAWN.Barrier(PROCESSES + 1)
    processes: list[BaseProcess] = [
        SPAWN.Process(target=take_and_free, args=(settings, number, start, told), daemon=True)
        for number in range(1, PROCESSES + 1)
    ]
    for process in processes:
        process.start()
    try:
        start.wait(PATIENCE)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def all_told(told: Queue[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for _ in range(PROCESSES):
        total += told.get(timeout=PATIENCE)
    return total


def test_redis_alone_never_grants_a_slot_twice(
    settings: Settings, context: Context, ledger: Connection[Any]
) -> None:
    account = context.accounts()[0]
    mend(ledger, account, account.standing(ledger))
    told: Queue[Counter[str]] = SPAWN.Queue()
    with running(settings, told):
        happened = all_told(told)
    assert happened["refused"] == 0, "the ledger had to refuse what Redis granted"
    assert happened["begun"] == PROCESSES * ROUNDS
    assert happened["asked"] > happened["begun"], "nobody ever had to wait: nothing was tested"
    assert max(rows(ledger, ACTIVE_AFTER_EACH_MOVE, int, {})) == CAP
    assert account.slots.holders() == {}


def test_losing_redis_again_and_again_costs_time_and_nothing_else(
    settings: Settings, context: Context, ledger: Connection[Any]
) -> None:
    account = context.accounts()[0]
    standing = account.standing(ledger)
    told: Queue[Counter[str]] = SPAWN.Queue()
    losses = 0
    with running(settings, told) as processes:
        while any(process.is_alive() for process in processes):
            context.redis.flushall()
            losses += 1
            for _ in range(5):
                mend(ledger, account, standing)
                processes[0].join(timeout=0.002)  # let them get on a little
        happened = all_told(told)
    assert losses > 10
    assert happened["begun"] == one(ledger, BEGUN, int, {}) == PROCESSES * ROUNDS
    assert max(rows(ledger, ACTIVE_AFTER_EACH_MOVE, int, {})) <= CAP
    mend(ledger, account, standing)
    assert account.slots.holders() == {}, "no job is active, so no slot is held"
