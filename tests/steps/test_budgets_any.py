"""In any order of calls, packing, merging, deaths, turning days and changed caps: no budget is ever
passed, what is counted is what the vendor has billed, and everything that waits goes on.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from manager import BudgetError
from manager.faultpoint import FaultPointError
from manager.ledger.budgets import keep, standing
from manager.settings.prices import Budget
from manager.steps import retain
from tests.steps.driver import Driver, armed

pytestmark = pytest.mark.integration

TABLES = (
    "request, enrichment, job, lane, vendor_job, day_counter, waiting_counter, held, budget, "
    "account_counter, retention, notice"
)
WAITING = """
SELECT l.id, coalesce(e.tag, ''), count(*)::bigint FROM enrichment e JOIN lane l ON l.id = e.lane_id
WHERE e.state = 'pending' GROUP BY 1, 2 ORDER BY 1, 2
"""
COUNTED = """
SELECT lane_id, tag, sum(amount)::bigint FROM waiting_counter GROUP BY 1, 2
HAVING sum(amount) <> 0 ORDER BY 1, 2
"""
OF_REQUESTS = "SELECT coalesce(sum(bought), 0)::bigint FROM request"
BOUGHT = "SELECT coalesce(sum(amount), 0)::bigint FROM day_counter WHERE name = 'bought'"
CREDITS = "SELECT coalesce(sum(amount), 0)::float FROM day_counter WHERE name = 'credits'"
LOST = "SELECT FROM enrichment WHERE state = 'pending' AND rank = 'infinity' AND NOT EXISTS "
LOST += "(SELECT FROM held WHERE held.enrichment_id = enrichment.id)"
TAGS = st.sampled_from([None, "crm", "sales"])
CAPS = st.integers(0, 6)
POINTS = (
    "before pack.commit",
    "after hold.hold",
    "after hold.release",
    "after pack.claim",
    "before merge.commit",
)


class Budgeted(RuleBasedStateMachine):
    """A daemon with a budget of everything, of a tag, and a hard one of another."""

    driver: Driver
    own: Driver | None = None

    def __init__(self) -> None:
        super().__init__()
        self.driver.execute(f"TRUNCATE {TABLES} CASCADE")
        self.driver.context.redis.flushdb()
        self.driver.sandbox.reset()
        self.driver.sandbox.set(price=2.0)
        self.first = 0
        self.caps = {"all": 8, "crm": 3, "sales": 4}
        self.allowed: dict[str, Decimal] = {}
        self.keep()

    @property
    def daemon(self) -> Driver:
        """The one with today's caps."""
        assert self.own is not None
        return self.own

    def keep(self) -> None:
        budgets = [
            Budget(per="day", credits=Decimal(2 * self.caps["all"])),
            Budget(per="day", tag="crm", records=self.caps["crm"]),
            Budget(per="month", tag="sales", records=self.caps["sales"], hard=True),
        ]
        changes: dict[str, Any] = {"budgets": budgets, "price": {"company/enrich": Decimal(2)}}
        changes |= {"linger": 0.0, "job_size": 4}
        if self.own is not None:
            self.own.close()
        self.own = self.driver.another(**changes)
        with self.daemon.context.ledger.connect() as connection, connection.transaction():
            keep(connection, self.daemon.context.settings)
        self.allowed = {}  # what was spent under a higher cap may be more

    @rule(tag=TAGS, known=st.integers(0, 5), unknown=st.integers(0, 2), again=st.booleans())
    def enqueue(self, tag: str | None, known: int, unknown: int, again: bool) -> None:
        first = max(self.first - 4, 0) if again else self.first
        with suppress(BudgetError):
            self.daemon.enqueue(known, first=first, unknown=unknown, tag=tag)
        self.first = max(self.first, first + max(known, unknown))

    @rule()
    def work(self) -> None:
        self.daemon.work()

    @rule(point=st.sampled_from(POINTS))
    def die(self, point: str) -> None:
        with suppress(FaultPointError), armed(point):
            self.daemon.work()

    @rule()
    def time(self) -> None:
        self.daemon.advance(60)
        self.daemon.work()

    @rule()
    def turn(self) -> None:
        self.daemon.advance(25 * 3600)
        self.allowed = {}

    @rule()
    def cancel(self) -> None:
        for row in self.daemon.rows(
            "SELECT id FROM request WHERE finished_at IS NULL ORDER BY id LIMIT 1"
        ):
            self.daemon.manager.request(row.id).cancel()

    @rule(which=st.sampled_from(["all", "crm", "sales"]), cap=CAPS)
    def change_cap(self, which: str, cap: int) -> None:
        self.caps[which] = cap
        self.keep()

    @rule()
    def add_up(self) -> None:
        with self.daemon.context.ledger.connect() as connection:
            retain.add_up(connection, self.daemon.context.settings)

    @invariant()
    def no_budget_is_passed(self) -> None:
        with self.daemon.context.ledger.connect() as connection:
            for it in standing(connection):
                for unit in it.capped:
                    taken, cap = it.spent(unit) + it.reserved(unit), it.cap(unit)
                    assert cap is not None
                    # a cap that was lowered, or a day whose jobs began before it, start with more
                    most = max(cap, self.allowed.setdefault(f"{it.name} {unit}", taken))
                    assert taken <= most, f"{it.name}: {taken} of {cap} {unit}"

    @invariant()
    def what_waits_is_counted(self) -> None:
        assert self.daemon.rows(COUNTED) == self.daemon.rows(WAITING)
        assert self.daemon.rows(LOST) == [], "what is held can be found"

    @invariant()
    def what_is_spent_was_billed(self) -> None:
        merged = self.daemon.value(
            "SELECT coalesce(sum(entities_fulfilled), 0)::bigint FROM job WHERE state = 'merged'"
        )
        assert self.daemon.value(BOUGHT) == merged
        assert self.daemon.value(CREDITS) == 2 * merged

    def teardown(self) -> None:
        self.caps = {"all": 100, "crm": 100, "sales": 100}
        self.keep()
        for _ in range(14):
            self.daemon.work()
            self.daemon.advance(60)
        assert self.daemon.rows("SELECT FROM request WHERE finished_at IS NULL") == []
        self.what_is_spent_was_billed()
        billed = self.daemon.sandbox.record()["billed"]
        assert self.daemon.value(BOUGHT) == billed["records"]
        assert self.daemon.value(CREDITS) == billed["credits"]
        assert self.daemon.value(OF_REQUESTS) <= billed["records"]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_in_any_order_no_budget_is_passed(driver: Driver) -> None:
    Budgeted.driver = driver
    run_state_machine_as_test(
        Budgeted,
        settings=hypothesis.settings(
            max_examples=5,
            stateful_step_count=14,
            deadline=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
