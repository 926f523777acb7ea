"""Status: what an operator is told first, and what is no trouble."""

from __future__ import annotations

import json
import re

import pytest

from manager.operator.status import AccountStatus, status
from manager.steps.look import look
from tests.steps.driver import LONG, Driver, closed_port

pytestmark = pytest.mark.integration


def only(driver: Driver) -> AccountStatus:
    [found] = status(driver.context, driver.account.name).accounts
    return found


def test_before_the_first_sweep_nobody_is_at_work(driver: Driver) -> None:
    found = status(driver.context)
    assert found.problems[0].sentence == (
        "nobody is at work: nothing was ever swept. Start `enrichd up`; it goes on where it was."
    )
    driver.sweep()
    assert status(driver.context).problems == []
    driver.execute("UPDATE account SET swept_at = now() - interval '10 minutes'")
    [problem] = [it for it in status(driver.context).problems if it.code == "daemon-stopped"]
    assert "the last sweep was 10 minutes ago" in problem.text


def test_it_counts_what_there_is(driver: Driver) -> None:
    driver.enqueue(3, unknown=1)
    driver.drain()
    driver.accepted(2, first=10)
    driver.sandbox.foreign(identifier_count=7)
    driver.look_now()
    driver.sweep()
    found = only(driver)
    assert (found.cap, found.slots_held, found.foreign_active, found.in_jobs) == (5, 1, 1, 2)
    assert found.jobs == {"merged": 1, "pending": 1}
    assert found.identifiers == {
        "waiting": 2,
        "fulfilled": 3,
        "not_found": 1,
        "failed": 0,
        "cancelled": 0,
    }
    assert found.open_requests == 1
    assert found.calls["list"].used >= 1
    assert json.loads(json.dumps(status(driver.context).as_dict(), default=str))["ok"] is True


def test_a_pause_is_a_problem_that_says_how_to_end_it(driver: Driver) -> None:
    driver.sweep()
    driver.pause()
    [problem] = status(driver.context).problems
    assert problem.sentence == (
        "paused: by an operator; nothing is at the vendor or to be merged. "
        "`enrichd resume` lets it go on."
    )


def test_of_several_accounts_each_is_named(two: tuple[Driver, Driver]) -> None:
    one, other = two
    for driver in two:
        driver.sweep()
    one.execute(
        "UPDATE account SET paused_reason = 'holidays', paused_at = now() WHERE id = %(id)s",
        id=one.account.id,
    )
    problems = status(one.context).problems
    assert (
        "account alpha: paused: holidays; nothing is at the vendor or to be merged. "
        "`enrichd resume --account alpha` lets it go on." in map(str, problems)
    )
    assert not any(problem.account == "beta" for problem in problems)
    assert status(other.context, "beta").ok


def test_an_account_that_is_not_there_is_named(driver: Driver) -> None:
    found = status(driver.context, "nobody")
    [problem] = found.problems
    assert problem.code == "account-unknown"
    assert (
        problem.text == f"there is no account 'nobody' in the ledger; it has: {driver.account.name}"
    )


def test_waiting_for_its_turn_is_no_trouble_and_says_until_when(driver: Driver) -> None:
    driver.accepted(2)
    driver.sweep()
    driver.sandbox.set(calls_per_minute=None)
    slow = driver.another(vendor_calls_per_minute=1)
    for _ in range(2):
        slow.execute("UPDATE account SET look_at = now()")
        look(slow.context, slow.account)
    found = status(slow.context)
    assert (found.problems, found.warnings) == ([], [])
    assert (only(slow).waits_for or "").startswith("waits for its turn until ")


def test_a_list_that_cannot_be_had_is_a_warning(driver: Driver) -> None:
    driver.accepted(2)
    driver.sweep()
    driver.sandbox.fault("list", "status", status=503, times=2)
    for tries in (1, 2):
        driver.look_now()
        [warning] = status(driver.context).warnings
        times = "1 time" if tries == 1 else f"{tries} times"
        assert f"the vendor's list of jobs cannot be had ({times} in a row, " in warning.text
    driver.look_now()
    assert status(driver.context).warnings == []


def test_that_others_have_all_the_slots_is_a_warning_while_work_waits(driver: Driver) -> None:
    for _ in range(5):
        driver.sandbox.foreign(seconds=30)
    driver.look_now()
    driver.sweep()
    assert status(driver.context).warnings == []
    driver.packed(2)
    [warning] = status(driver.context).warnings
    assert (warning.code, warning.text) == ("slots-taken", "1 job waits: 5 of 5 slots are others'")
    driver.sandbox.advance(LONG)
    driver.look_now()
    assert status(driver.context).warnings == []


def test_results_that_nobody_merges_are_a_problem(driver: Driver) -> None:
    driver.completed(2)
    driver.sweep()
    assert status(driver.context).ok
    driver.execute("UPDATE job SET due_at = now() - interval '5 minutes'")
    [problem] = status(driver.context).problems
    assert problem.text.startswith("the results of 1 job wait for 5 minutes to be merged; no")


def test_without_redis_that_is_the_problem(driver: Driver) -> None:
    driver.sweep()
    other = driver.another(redis_url=f"redis://127.0.0.1:{closed_port()}")
    [problem] = status(other.context).problems
    assert re.match(r"Redis at 127.0.0.1:\d+ cannot be reached: ", problem.text)
