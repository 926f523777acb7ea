"""Whatever the limits and whatever has happened: retention and forgetting leave the ledger true.

A history is made by the API and the steps, with the vendor failing; between its parts years pass,
retention works by any limits, and companies are forgotten. What is live goes on to its end.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from manager import Request
from manager.errors import NotFoundError
from manager.operator import forget as operator
from manager.operator.size import size
from tests.steps.driver import MISCOUNTED, Driver, domains
from tests.steps.test_invariants import FIELDS, INDEX, LIMITED, TABLES, domain
from tests.steps.years import assert_counted, pass_by, retained

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Few, so that they are bought again and again; the last are of nobody.
NUMBERS = st.lists(st.sampled_from((0, 1, 2, 3, 25)), min_size=1, max_size=6)
AGES = st.sampled_from((0, 0, 10 * 86_400, 3_000 * 86_400))
NAMES = ("requests", "results", "enrichments", "jobs", "events", "strays", "vendor_jobs")
# Most of them at once: what goes in one table is what lets go in the next.
LIMITS = st.fixed_dictionaries(
    {},
    optional={f"{name}_days": st.integers(0, 30) for name in NAMES}
    | {f"{name}_count": st.integers(1, 3) for name in NAMES},
)
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("submit", "status", {"status": 503, "after": True}),
    ("submit", "status", {"status": 429, "headers": LIMITED}),
    ("submit", "reset_after", {}),
    ("submit", "fail_job", {}),
    ("submit", "duplicate_envelope", {}),
    ("submit", "foreign_envelope", {}),
    ("submit", "poison", {"match": domains(1)[0], "times": None}),
    ("submit", "ends_as", {"word": "cancelled", "delivered_share": 0.5}),
    ("download", "wrong_count", {}),
)
# What no retention may touch, in whatever state it is.
LIVE = """
SELECT 'request', to_jsonb(r) FROM request r WHERE finished_at IS NULL
UNION ALL SELECT 'item', to_jsonb(i) FROM request_item i JOIN request r ON r.id = i.request_id
    WHERE r.finished_at IS NULL
UNION ALL SELECT 'result', to_jsonb(t)
    FROM result t JOIN request_item i USING (enrichment_id, cycle)
    JOIN request r ON r.id = i.request_id WHERE r.finished_at IS NULL
UNION ALL SELECT 'enrichment', to_jsonb(e) FROM enrichment e WHERE state IN ('pending', 'packed')
UNION ALL SELECT 'job', to_jsonb(j) FROM job j WHERE ended_at IS NULL
UNION ALL SELECT 'event', to_jsonb(v) FROM job_event v JOIN job j ON j.id = v.job_id
    WHERE j.ended_at IS NULL
UNION ALL SELECT 'vendor_job', to_jsonb(v) FROM vendor_job v WHERE whose = 'open'
    OR job_id IN (SELECT id FROM job WHERE ended_at IS NULL)
ORDER BY 1, 2
"""
NEWEST = """
(SELECT DISTINCT ON (enrichment_id) to_jsonb(t) AS result FROM result t
 ORDER BY enrichment_id, cycle DESC)
UNION ALL
(SELECT DISTINCT ON (enrichment_id) to_jsonb(t) FROM result t JOIN enrichment e
 ON e.id = t.enrichment_id WHERE t.outcome = 'fulfilled' AND t.forgotten_at IS NULL
 ORDER BY enrichment_id, t.cycle DESC)
ORDER BY 1
"""
SHELLS = "SELECT id FROM enrichment WHERE key LIKE ' %%'"


class Years(RuleBasedStateMachine):
    """Years of any work, kept small by any limits."""

    driver: Driver

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.driver.execute(f"TRUNCATE {TABLES}")
        self.driver.resume()
        self.driver.context.redis.flushdb()
        self.driver.sandbox.reset()
        self.driver.sandbox.set(cap=1_000)

    @rule(numbers=NUMBERS, fields=st.sampled_from(FIELDS), max_age=AGES)
    def enqueue(self, numbers: list[int], fields: tuple[str, ...], max_age: float) -> None:
        written = [domain(number) for number in numbers]
        enqueue = self.driver.manager.enqueue
        self.requests.append(enqueue("domains", written, fields=fields, max_age=max_age))

    @initialize()
    def has_history(self) -> None:
        """Some are outdated, some are the newest, and of some both."""
        self.buy([[0, 1, 2, 25], [0, 1], [0, 2, 3]], 5)

    @rule(orders=st.lists(NUMBERS, min_size=1, max_size=3), days=st.integers(0, 20))
    def buy(self, orders: list[list[int]], days: int) -> None:
        """One after the other, each to its end if the vendor lets it, and days apart."""
        for numbers in orders:
            self.enqueue(numbers, (), 0)
            for _ in range(3):
                self.driver.step()
            pass_by(self.driver, days)

    @rule(index=INDEX)
    def cancel(self, index: int) -> None:
        if self.requests:
            try:
                self.requests[index % len(self.requests)].cancel()
            except NotFoundError:
                self.requests.pop(index % len(self.requests))

    @rule()
    def work(self) -> None:
        self.driver.step()

    @rule()
    def begin(self) -> None:
        """What is due is found, and done, but no time passes at the vendor."""
        self.driver.run(*self.driver.sweep())

    @rule(fault=st.sampled_from(FAULTS))
    def vendor_fails(self, fault: tuple[str, str, dict[str, Any]]) -> None:
        route, kind, arguments = fault
        self.driver.sandbox.fault(route, kind, **arguments)

    @rule(count=st.integers(1, 6))
    def others_submit(self, count: int) -> None:
        self.driver.sandbox.foreign(identifier_count=count, seconds=1)

    @rule(limits=LIMITS, days=st.integers(0, 30), wanted=st.none() | NUMBERS)
    def retain(self, limits: dict[str, int], days: int, wanted: list[int] | None) -> None:
        """While something is at the vendor, or nothing is."""
        if wanted:
            self.enqueue(wanted, (), 0)
            self.begin()
        pass_by(self.driver, days)
        live, newest = self.driver.rows(LIVE), self.driver.rows(NEWEST)
        shells = {row.id for row in self.driver.rows(SHELLS)}
        before = self.counts()
        asked = {f"retain_{name}": value for name, value in limits.items()}
        frees = size(self.driver.context.settings.model_copy(update=asked)).frees
        retained(self.driver, **limits)
        assert self.driver.rows(LIVE) == live
        if not any(name.startswith("enrichments") for name in limits):
            after = {str(row.result) for row in self.driver.rows(NEWEST)}
            gone = [row for row in newest if str(row.result) not in after]
            assert {row.result["enrichment_id"] for row in gone} <= shells
        if not any(name.startswith("jobs") for name in limits):
            after_all = self.counts()
            assert frees == {table: before[table] - after_all[table] for table in frees}

    @rule(number=st.integers(0, 3), only=st.booleans())
    def forget(self, number: int, only: bool) -> None:
        found = operator.find(self.driver.context, [domain(number)], only=only)
        operator.forget(self.driver.context, found)

    def counts(self) -> dict[str, int]:
        tables = ("request", "request_item", "enrichment", "result", "job", "job_event", "stray",
                  "vendor_job")  # fmt: skip
        return {it: self.driver.value(f"SELECT count(*)::int FROM {it}") for it in tables}

    @invariant()
    def counters_are_true(self) -> None:
        assert self.driver.rows(MISCOUNTED) == []
        assert_counted(self.driver)

    def teardown(self) -> None:
        """What is live comes to its end."""
        self.driver.sandbox.clear_faults()
        self.driver.resume()
        self.driver.drain()
        self.counters_are_true()
        left = {row.id for row in self.driver.rows("SELECT id FROM request")}
        for request in self.requests:
            if request.id in left:
                assert request.progress().finished
                assert all(it.outcome for it in request.results())
        assert self.driver.rows("SELECT FROM result WHERE record IS NULL AND reason IS NULL"
                                " AND outcome <> 'not_found'") == []  # fmt: skip


def test_whatever_the_limits_the_ledger_stays_true(driver: Driver) -> None:
    class Machine(Years):
        pass

    Machine.driver = driver.another(job_size=6)
    run_state_machine_as_test(
        Machine,
        settings=hypothesis.settings(
            max_examples=5,
            stateful_step_count=15,
            deadline=None,
            print_blob=True,
            phases=(hypothesis.Phase.reuse, hypothesis.Phase.generate),
        ),
    )
