"""Accounts: two on one ledger and one Redis never touch what is the other's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from manager import ConflictError, ledger
from manager.ledger.sql import Statements
from manager.steps.registry import STEPS
from tests.steps.driver import LONG, MISCOUNTED, Driver

pytestmark = pytest.mark.integration

Both = tuple[Driver, Driver]

# All that the ledger has of an account.
ROWS = """
SELECT 'job', j::text FROM job j WHERE j.account_id = %(id)s
UNION ALL SELECT 'event', e::text FROM job_event e JOIN job j ON j.id = e.job_id
          WHERE j.account_id = %(id)s
UNION ALL SELECT 'enrichment', e::text FROM enrichment e JOIN lane l ON l.id = e.lane_id
          WHERE l.account_id = %(id)s
UNION ALL SELECT 'request', r::text FROM request r WHERE r.account_id = %(id)s
UNION ALL SELECT 'vendor_job', v::text FROM vendor_job v WHERE v.account_id = %(id)s
UNION ALL SELECT 'account', a::text FROM account a WHERE a.id = %(id)s
ORDER BY 1, 2
"""


def rows(driver: Driver) -> list[Any]:
    return driver.rows(ROWS, id=driver.account.id)


def work(*drivers: Driver) -> None:
    """Let their daemons go on, in turns, until nothing is left to do."""
    for _ in range(8):
        for driver in drivers:
            driver.step()


def test_each_accounts_jobs_go_to_its_own_vendor_with_its_own_key(both: Both) -> None:
    alpha, beta = both
    requests = [alpha.enqueue(3), beta.enqueue(3), alpha.enqueue(2, first=10)]
    work(alpha, beta)
    assert [request.progress().fulfilled for request in requests] == [3, 3, 2]
    assert [request.progress().account for request in requests] == ["alpha", "beta", "alpha"]
    assert sorted(job["identifier_count"] for job in alpha.sent()) == [5]
    assert [job["identifier_count"] for job in beta.sent()] == [3]
    for driver in both:
        assert driver.paused() is None, "a wrong key would have been refused"
        assert driver.sandbox.record()["duplicates"]["count"] == 0
    assert alpha.rows(MISCOUNTED) == []


def test_what_one_account_has_bought_is_no_hit_for_the_other(both: Both) -> None:
    alpha, beta = both
    alpha.enqueue(3)
    work(alpha)
    request = beta.enqueue(3)
    assert request.progress().waiting == 3
    work(beta)
    assert [job["identifier_count"] for job in beta.sent()] == [3]


def test_each_account_has_slots_of_its_own(both: Both) -> None:
    alpha, beta = both
    mine = [alpha.accepted(size, first=100 * size) for size in range(1, 6)]
    sixth = alpha.packed(6, first=600)
    alpha.submit(sixth)
    assert alpha.job(sixth).state == "packed"
    theirs = beta.accepted(3)
    assert beta.job(theirs).slot == 1
    assert alpha.held() == set(mine)
    assert beta.held() == {theirs}
    alpha.context.redis.flushdb()
    for driver in both:
        driver.sweep()
    assert (alpha.held(), beta.held()) == (set(mine), {theirs})


def test_each_account_has_calls_of_its_own(both: Both) -> None:
    alpha, beta = both
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}
    alpha.sandbox.fault("submit", "status", status=429, headers=headers)
    job_id = alpha.packed(3)
    alpha.submit(job_id)
    assert alpha.job(job_id).wait > 20
    beta.accepted(3)


def test_an_idempotency_key_is_its_accounts_own(both: Both) -> None:
    alpha, beta = both
    mine = alpha.enqueue(3, idempotency_key="key")
    theirs = beta.enqueue(2, idempotency_key="key")
    assert mine.id != theirs.id
    assert alpha.enqueue(3, idempotency_key="key").id == mine.id
    assert beta.enqueue(2, idempotency_key="key").id == theirs.id
    with pytest.raises(ConflictError):
        beta.enqueue(3, idempotency_key="key")


def test_one_accounts_pause_does_not_concern_the_other(both: Both) -> None:
    alpha, beta = both
    alpha.sandbox.fault("submit", "status", status=401)
    alpha.submit(alpha.packed(3))
    assert alpha.paused() is not None
    assert beta.paused() is None
    request = beta.enqueue(3)
    work(alpha, beta)
    assert request.progress().fulfilled == 3
    assert len(alpha.sent()) == 0


def test_jobs_of_others_take_part_of_their_own_accounts_cap_alone(both: Both) -> None:
    alpha, _ = both
    for number in range(4):
        alpha.sandbox.foreign(identifier_count=50 + number, seconds=LONG)
    for driver in both:
        driver.look_now()
    sql = "SELECT name, foreign_active FROM account ORDER BY name"
    found = dict(alpha.rows(sql))
    assert (found["alpha"], found["beta"]) == (4, 0)


def test_of_two_unresolved_ones_of_one_size_each_is_found_at_its_own_vendor(both: Both) -> None:
    alpha, beta = both
    mine = alpha.unresolved(3, "reset_after")
    theirs = beta.unresolved(3, "reset_after")
    work(beta, alpha)
    for driver, job_id in ((alpha, mine), (beta, theirs)):
        assert driver.job(job_id).state == "merged"
        assert driver.job(job_id).batch_id == driver.sent()[0]["batch_id"]
        assert driver.calls("submit") == 1


STATES: dict[str, Callable[[Driver], UUID]] = {
    "packed": lambda driver: driver.packed(3),
    "unresolved": lambda driver: driver.unresolved(3, "reset_after"),
    "pending": lambda driver: driver.accepted(3),
    "completed": lambda driver: driver.completed(3),
}


@pytest.mark.parametrize("state", STATES)
def test_no_step_of_one_account_touches_the_others_job(both: Both, state: str) -> None:
    """Not even one that is woken for it by mistake."""
    alpha, beta = both
    job_id = STATES[state](alpha)
    alpha.hasten(seconds=LONG)
    before, calls = rows(alpha), [dict(it.sandbox.record()["calls"]) for it in both]
    held = alpha.held()
    for step in STEPS.values():
        if step.per == "job":
            beta.only(beta.wake(step.name, job_id))
        elif step.name != "look":
            beta.only(beta.wake(step.name))
    assert [it.sandbox.record()["calls"] for it in both] == calls
    beta.only(beta.wake("look"))
    assert rows(alpha) == before
    assert alpha.held() == held
    work(alpha)
    assert alpha.states() == {"fulfilled": 3}


# Those that ask whose a job is, those within a transaction that has begun with asking, those that
# show one to operators, and those that forget somebody in all accounts.
NO_ACCOUNT_NEEDED = {
    "forget.marked_in",
    "forget.shrink",
    "forget.take_out",
    "history.job",
    "jobs.account",
    "remerge.tally",
    "resolve.known",
    "settle.fail_lane",
    "settle.lock_lane",
    "settle.tally",
    "webhook.heard",
}


def test_every_statement_that_names_a_job_names_its_account_too() -> None:
    without = set()
    for path in sorted(Path(ledger.__file__).with_name("sql").glob("*.sql")):
        statements = Statements(path.stem)
        for name in statements.names():
            text = str(getattr(statements, name))
            names_job = re.search(r"\b(FROM|JOIN|UPDATE) job\b", text) and "%(job_id)s" in text
            if names_job and "%(account_id)s" not in text:
                without.add(f"{path.stem}.{name}")
    assert without == NO_ACCOUNT_NEEDED
