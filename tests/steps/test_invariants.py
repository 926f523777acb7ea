"""The invariants, under any order of wake-ups, with the vendor, Redis and the workers failing, and
with operators that do anything.

A wake-up may be lost, doubled, late or out of order; so here any one that was ever sent may come
at any time, or never. In the end the faults stop and the daemon drains.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from manager import Outcome, Request, faultpoint
from manager.errors import ConflictError, NotFoundError
from manager.faultpoint import FaultPointError
from manager.operator.actions import Actor, perform
from manager.operator.chosen import choose
from manager.steps.registry import STEPS
from tests.steps.driver import MISCOUNTED, Driver, armed, domains

pytestmark = pytest.mark.integration

CAP = 5
OPERATOR = Actor("ada", "cli")
# Of something; how many there are depends on what happened.
INDEX = st.integers(0, 999)
NUMBERS = st.lists(st.integers(0, 27), min_size=1, max_size=14)
FIELDS: tuple[tuple[str, ...], ...] = ((), ("headcount.total",))
LIMITED = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("submit", "status", {"status": 503, "after": False}),
    ("submit", "status", {"status": 503, "after": True}),
    ("submit", "status", {"status": 429}),
    ("submit", "status", {"status": 429, "headers": LIMITED}),
    ("submit", "status", {"status": 404}),
    ("submit", "status", {"status": 413}),
    ("submit", "status", {"status": 402}),
    ("submit", "reset_before", {}),
    ("submit", "reset_after", {}),
    ("submit", "garbage", {}),
    ("submit", "fail_job", {}),
    ("submit", "duplicate_envelope", {}),
    ("submit", "foreign_envelope", {}),
    ("submit", "poison", {"match": domains(1)[0], "times": None}),
    ("submit", "ends_as", {"word": "cancelled", "delivered_share": 0.5}),
    ("submit", "ends_as", {"word": "Expired", "links": False, "completed_at": False}),
    ("submit", "status", {"status": 403}),
    ("submit", "plain", {}),
    ("submit", "gzip_twice", {}),
    ("submit", "bom", {}),
    ("status", "status", {"status": 401}),
    ("status", "status", {"status": 502}),
    ("status", "wrong_count", {}),
    ("list", "reset_before", {}),
    ("download", "status", {"status": 403, "times": 2}),
    ("download", "truncate", {}),
    ("download", "corrupt", {}),
    ("download", "wrong_count", {}),
    ("download", "foreign_envelope", {}),
)
# Statements of callers, operators and pages, which no step runs.
OTHERS = {
    "accounts", "act", "action", "actions", "chosen", "enqueue", "follow", "holders", "ids", "jobs",
    "page", "scope", "status", "webhook",
}  # fmt: skip
DEATHS = sorted(
    f"{when} {name}"
    for name in faultpoint.points()
    for when in ("before", "after")
    if name.partition(".")[0] not in OTHERS
)
# What operators do, to one request or to all that there is. (To give up a job frees its slot though
# the vendor may be at work on it: that is its risk.)
ACTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("request.retry", {}),
    ("request.cancel", {}),
    ("request.reprioritise", {"priority": -50}),
    ("request.reprioritise", {"priority": 50}),
    ("request.refresh", {"older_than": "0s"}),
    ("job.retry", {}),
    ("job.cancel", {}),
    ("enrichment.retry", {}),
    ("lane.pause", {}),
    ("lane.resume", {}),
    ("lane.refresh", {"older_than": "0s", "priority": 10}),
)
ACTION_DEATHS = sorted(
    f"{when} {name}"
    for name in faultpoint.points()
    for when in ("before", "after")
    if name.partition(".")[0] in ("action", "actions")
)
# What failed although the vendor had delivered, and was asked for again, is paid for again.
BOUGHT_AGAIN = """
SELECT count(*) FROM result t JOIN job j ON j.id = t.job_id
WHERE t.outcome = 'failed' AND j.batch_id IS NOT NULL
  AND EXISTS (SELECT FROM result later
              WHERE later.enrichment_id = t.enrichment_id AND later.cycle > t.cycle)
"""
TABLES = """
stray, job_event, result, request_item, forgetting, enrichment, request, vendor_job, endpoint_pause,
job, lane, account_counter, retention, operator_action, operator_action_object
"""


def domain(number: int) -> str:
    """One that the vendor knows, or, for the last numbers, that nobody knows."""
    return domains(1, number)[0] if number < 24 else f"stranger-{number}.example"


class AnyOrder(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    driver: Driver

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.refreshed = 0
        self.wakes = [self.driver.wake(it.name) for it in STEPS.values() if it.per != "job"]
        self.driver.execute(f"TRUNCATE {TABLES}")
        self.driver.resume()
        self.driver.context.redis.flushdb()
        self.driver.sandbox.reset()
        # Above ours, so that a sixth job of ours would be seen and not refused.
        self.driver.sandbox.set(cap=1_000, list_lag_seconds=5)

    @rule(numbers=NUMBERS, fields=st.sampled_from(FIELDS), priority=st.sampled_from((0, 50)))
    def enqueue(self, numbers: list[int], fields: tuple[str, ...], priority: int) -> None:
        written = [domain(number) for number in numbers]
        enqueue = self.driver.manager.enqueue
        self.requests.append(enqueue("domains", written, fields=fields, priority=priority))

    @rule(index=INDEX)
    def cancel(self, index: int) -> None:
        if self.requests:
            self.requests[index % len(self.requests)].cancel()

    @rule()
    def sweep(self) -> None:
        """What is due is found, but not done yet."""
        self.wakes += self.driver.only(self.driver.wake("sweep"))

    @rule(index=INDEX)
    def wake_up(self, index: int) -> None:
        self.wakes += self.driver.only(self.wakes[index % len(self.wakes)])

    @rule()
    def work(self) -> None:
        """What is due is found, and done."""
        self.driver.run(*self.driver.only(self.driver.wake("sweep")))

    @rule(point=st.sampled_from(DEATHS))
    def die(self, point: str) -> None:
        """What is due is found, and begun."""
        wakes = self.driver.only(self.driver.wake("sweep"))
        with armed(point):
            for wake in wakes:
                try:
                    self.wakes += self.driver.only(wake)
                except FaultPointError:
                    return

    @rule(fault=st.sampled_from(FAULTS))
    def vendor_fails(self, fault: tuple[str, str, dict[str, Any]]) -> None:
        route, kind, arguments = fault
        self.driver.sandbox.fault(route, kind, **arguments)

    @rule(count=st.integers(1, 6), seconds=st.sampled_from((1, 50)))
    def others_submit(self, count: int, seconds: int) -> None:
        self.driver.sandbox.foreign(identifier_count=count, seconds=seconds)

    @rule()
    def redis_forgets(self) -> None:
        self.driver.context.redis.flushdb()

    @rule(seconds=st.sampled_from((1, 20)))
    def time_passes(self, seconds: int) -> None:
        self.driver.sandbox.advance(seconds)
        self.driver.hasten(seconds)

    @rule()
    def operator_resumes(self) -> None:
        self.driver.resume()

    @rule(action=st.sampled_from(ACTIONS), index=INDEX)
    def operator_acts(self, action: tuple[str, dict[str, Any]], index: int) -> None:
        """On a request, or on all that there is of another kind."""
        name, values = action
        kind: Any = name.partition(".")[0]
        given = {}
        if kind == "request" and self.requests:
            given = {"id": str(self.requests[index % len(self.requests)].id)}
        try:
            done = perform(self.driver.context, name, choose(kind, given), values, OPERATOR)
        except NotFoundError:  # no job is there
            return
        except ConflictError:  # the only one has ended
            return
        if done.made:
            self.refreshed += done.counts["identifiers"]
            self.requests += [self.driver.manager.request(UUID(it)) for it in done.made]

    @rule(point=st.sampled_from(ACTION_DEATHS), action=st.sampled_from(ACTIONS), index=INDEX)
    def operator_dies(self, point: str, action: tuple[str, dict[str, Any]], index: int) -> None:
        """In the middle of it: it is done, or it is not."""
        before = {it.id for it in self.driver.rows("SELECT id FROM request")}
        with armed(point):
            try:
                self.operator_acts(action, index)
            except FaultPointError:
                made = [
                    it for it in self.driver.rows("SELECT id, total FROM request")
                    if it.id not in before
                ]  # fmt: skip
                self.refreshed += sum(it.total for it in made)
                self.requests += [self.driver.manager.request(it.id) for it in made]

    @invariant()
    def never_more_than_the_cap_are_active(self) -> None:
        assert self.driver.sandbox.record()["highest_active_own"] <= CAP

    @invariant()
    def counters_are_true(self) -> None:
        assert self.driver.rows(MISCOUNTED) == []

    def teardown(self) -> None:
        """The faults stop, the daemon drains: nothing is lost and nothing was bought twice."""
        self.driver.sandbox.clear_faults()
        self.driver.resume()
        perform(self.driver.context, "lane.resume", choose("lane", {}), {}, OPERATOR)
        self.driver.drain()
        self.never_more_than_the_cap_are_active()
        self.counters_are_true()
        for request in self.requests:
            assert request.progress().finished
            for result in request.results():
                assert_true(result)
        record = self.driver.sandbox.record()
        asked_again = self.driver.value(BOUGHT_AGAIN) + self.refreshed
        assert record["duplicates"]["count"] <= asked_again
        batches = {row.batch_id for row in self.driver.rows("SELECT batch_id FROM job")}
        # what has no links is neither delivered nor billed
        delivered = [job for job in self.driver.sent() if job["fulfilled"] and job["links"]]
        assert batches >= {job["batch_id"] for job in delivered}


def assert_true(result: Any) -> None:
    """It has an end, and a record only if it is its own."""
    number = int(result.identifier.split("-")[1].split(".")[0])
    match result.outcome:
        case Outcome.FULFILLED:
            assert result.vendor_id == 10_000_000 + number
        case Outcome.NOT_FOUND:
            assert result.identifier.startswith("stranger")
        case _:
            assert result.outcome in (Outcome.FAILED, Outcome.CANCELLED)
            assert result.reason


def test_the_invariants_hold_in_any_order(driver: Driver) -> None:
    class Machine(AnyOrder):
        pass

    Machine.driver = driver.another(job_size=6)
    run_state_machine_as_test(
        Machine,
        settings=hypothesis.settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            print_blob=True,
            # to make a story shorter takes minutes; `print_blob` says how to run it again
            phases=(hypothesis.Phase.reuse, hypothesis.Phase.generate),
        ),
    )
