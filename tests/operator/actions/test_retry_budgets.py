"""Retry beside budgets, and beside those who are told: as an enqueue would do it."""

from __future__ import annotations

import psycopg
import pytest

from manager import BudgetError, UnavailableError
from manager.ledger import migrate
from manager.settings.prices import Budget
from tests.operator.actions.acting import act, assert_true, failed
from tests.steps.driver import Driver, domains

pytestmark = pytest.mark.integration


def budgeted(driver: Driver, budget: Budget) -> Driver:
    made = driver.another(budgets=[budget], linger=0.0, merge_lock_timeout=0.5)
    migrate.upgrade(made.context.settings)
    return made


def test_what_waits_for_another_tags_budget_is_paid_by_who_retries_it(driver: Driver) -> None:
    driver = budgeted(driver, Budget(tag="crm", per="month", records=1))
    driver.sandbox.fault("submit", "never_ends")
    theirs, ours = driver.enqueue(1, tag="crm"), driver.enqueue(1)
    driver.give_up(driver.accepted())  # it may still be delivered: the budget is used up
    act(driver, "request.retry", {"id": str(theirs.id)})
    assert driver.pack() == []
    assert driver.value("SELECT count(*) FROM held") == 1
    act(driver, "request.retry", {"id": str(ours.id)})
    assert len(driver.pack()) == 1
    [bought] = driver.rows("SELECT tag, cause FROM enrichment")
    assert (bought.tag, bought.cause) == (None, ours.id)
    driver.drain()
    assert (theirs.progress().fulfilled, ours.progress().fulfilled) == (1, 1)
    assert_true(driver)


def test_a_hard_budget_is_asked_by_one_after_the_other(driver: Driver) -> None:
    driver = budgeted(driver, Budget(per="month", records=5, hard=True))
    failed(driver, 3)
    driver.execute("UPDATE job SET given_up_at = given_up_at - interval '8 days'")
    with psycopg.connect(driver.context.settings.postgres) as caller:
        driver.manager.enqueue("domains", domains(3, first=100), connection=caller)
        with pytest.raises(UnavailableError):
            act(driver, "request.retry")
    with pytest.raises(BudgetError):
        act(driver, "request.retry")
    assert driver.states() == {"failed": 3, "pending": 3}


def test_who_is_told_learns_what_a_retry_has_found_at_once(driver: Driver) -> None:
    driver.sandbox.fault("submit", "never_ends")
    request = driver.enqueue(1, notify=["pg:somebody"])
    driver.give_up(driver.accepted())
    driver.enqueue(1)
    driver.drain()
    before = request.progress()
    assert before.failed == 1
    act(driver, "request.retry", {"id": str(request.id)})
    after = request.progress()
    assert (after.fulfilled, after.failed) == (1, 0)
    assert before.finished_at
    assert after.finished_at
    assert after.finished_at > before.finished_at
    told = driver.rows("SELECT payload->>'fulfilled' AS found FROM notice ORDER BY position")
    assert [it.found for it in told] == ["0", "1"]
    assert_true(driver)
