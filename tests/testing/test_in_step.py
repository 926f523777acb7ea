"""Any sequence of calls has the same answers, of the real manager and of the fake one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from manager import EnrichdError, Manager, Progress, Request, Result
from tests.steps.driver import Driver
from tests.testing.worlds import FakeWorld, RealWorld, World

pytestmark = pytest.mark.integration

WRITTEN: tuple[Any, ...] = (
    "company-0000001.example",
    "COMPANY-0000001.example",
    "https://www.company-0000002.example/about",
    "company-0000003.example",
    "nobody.example",
    "not a domain",
    7,
)
INDEX = st.integers(0, 99)
TABLES = "request, enrichment, job, lane, vendor_job, endpoint_pause"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class InStep(RuleBasedStateMachine):
    """The same calls of two managers."""

    driver: Driver

    def __init__(self) -> None:
        super().__init__()
        self.driver.execute(f"TRUNCATE {TABLES} CASCADE")
        self.driver.context.redis.flushdb()
        self.driver.sandbox.reset()
        self.worlds: tuple[World, World] = RealWorld(self.driver), FakeWorld()
        self.requests: list[tuple[Request, Request]] = []

    def both(self, call: Callable[[Manager], Request]) -> None:
        answers = [answer(call, world.manager) for world in self.worlds]
        assert shown(answers[0]) == shown(answers[1])
        if isinstance(answers[0], Request) and isinstance(answers[1], Request):
            self.requests.append((answers[0], answers[1]))

    @rule(
        identifiers=st.lists(st.sampled_from(WRITTEN), max_size=6),
        fields=st.sampled_from([(), ("headcount",)]),
        priority=st.sampled_from([0, 50, 200]),
        max_age=st.sampled_from([None, 0, 86_400.0]),
        key=st.sampled_from([None, None, "a", "b"]),
        on_invalid=st.sampled_from(["skip", "skip", "raise"]),
    )
    def enqueue(
        self,
        identifiers: list[Any],
        fields: tuple[str, ...],
        priority: int,
        max_age: float | None,
        key: str | None,
        on_invalid: Any,
    ) -> None:
        self.both(
            lambda manager: manager.enqueue(
                "domains",
                identifiers,
                fields=fields,
                priority=priority,
                max_age=max_age,
                idempotency_key=key,
                on_invalid=on_invalid,
                metadata={"priority": priority},
            )
        )

    @rule(index=INDEX)
    def cancel(self, index: int) -> None:
        if self.requests:
            real, fake = self.requests[index % len(self.requests)]
            assert shown(real.cancel()) == shown(fake.cancel())

    @rule(index=INDEX)
    def find_again(self, index: int) -> None:
        if self.requests:
            real, fake = self.requests[index % len(self.requests)]
            ids = {id(self.worlds[0].manager): real.id, id(self.worlds[1].manager): fake.id}
            self.both(lambda manager: manager.request(ids[id(manager)]))

    @rule(
        identifiers=st.lists(st.sampled_from(WRITTEN), max_size=6),
        max_age=st.sampled_from([0, 86_400]),
    )
    def estimate(self, identifiers: list[Any], max_age: float) -> None:
        real, fake = (
            replace(
                world.manager.estimate("domains", identifiers, max_age=max_age),
                oldest=None,
                newest=None,
                seconds=None,
                lingers=0.0,  # by the settings of each
            )
            for world in self.worlds
        )
        assert real == fake

    @rule(max_age=st.sampled_from([None, 86_400]), fields=st.sampled_from([(), ("headcount",)]))
    def lookup(self, max_age: float | None, fields: tuple[str, ...]) -> None:
        real, fake = (
            [
                (it.identifier, it.outcome, it.waiting, it.vendor_id, it.fields, it.age is None)
                for it in world.manager.lookup("domains", WRITTEN, max_age=max_age, fields=fields)
            ]
            for world in self.worlds
        )
        assert real == fake

    @rule()
    def settle(self) -> None:
        for world in self.worlds:
            world.settle()

    @rule()
    def fail(self) -> None:
        for world in self.worlds:
            world.fail()

    @rule(days=st.sampled_from([0.5, 2, 40]))
    def advance(self, days: float) -> None:
        for world in self.worlds:
            world.advance(timedelta(days=days))

    @invariant()
    def all_requests_look_alike(self) -> None:
        for real, fake in self.requests:
            assert shown(real.progress()) == shown(fake.progress())
            assert [shown(it) for it in real.results()] == [shown(it) for it in fake.results()]


def answer(call: Callable[[Manager], Request], manager: Manager) -> Request | EnrichdError:
    try:
        return call(manager)
    except EnrichdError as error:
        return error


def shown(it: Request | Progress | Result | EnrichdError) -> Any:
    """What must be the same: ids, moments and the vendor's own words are not."""
    match it:
        case Request():
            return it.total, it.created, it.invalid, it.new, it.hits, it.joined
        case EnrichdError():
            return type(it), UUID.sub("ID", str(it))
        case Progress():
            counts = it.fulfilled, it.not_found, it.failed, it.cancelled, it.total
            asked = it.account, it.endpoint, it.identifier_type, it.fields, it.priority, it.metadata
            return counts, asked, it.finished_at is None, it.cancelled_at is None
        case Result():
            same = it.position, it.identifier, it.outcome, it.vendor_id
            return same, it.record is None, it.reason is None, it.fetched_at is None


def test_the_fake_manager_keeps_step_with_the_real_one(driver: Driver) -> None:
    InStep.driver = driver
    settings = hypothesis.settings(max_examples=12, stateful_step_count=12)
    run_state_machine_as_test(InStep, settings=settings)
