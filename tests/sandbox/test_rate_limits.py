"""Rate limits: a sliding window for each route, and headers that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Sandbox
from sandbox.clock import Clock
from sandbox.limits import Limits
from sandbox.rules import Refusal

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller


@pytest.mark.integration
def test_every_answer_tells_the_limit(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(calls_per_minute=3)
    seen = []
    for path in ("/batch", "/batch?status=x", "/batch"):
        headers = caller.http.get(path).headers
        seen.append(tuple(headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining")))
    assert seen == [("3", "2"), ("3", "1"), ("3", "0")]
    unauthorized = caller.http.get("/batch", headers={"authorization": "x"})
    assert unauthorized.headers["x-ratelimit-limit"] == "3"


@pytest.mark.integration
def test_too_many_calls_are_refused_until_the_oldest_leaves_the_window(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.set(calls_per_minute=2)
    assert caller.http.get("/batch").is_success
    sandbox.advance(20)
    assert caller.http.get("/batch").headers["x-ratelimit-reset"] == "40"
    refused = caller.http.get("/batch")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.json()["error"]["type"] == "rate_limit_exceeded"
    sandbox.advance(40)
    assert caller.http.get("/batch").is_success


@pytest.mark.integration
def test_each_route_has_its_own_window_and_limit(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(calls_per_minute={"list": 1, "submit": 2})
    assert caller.http.get("/batch").is_success
    assert caller.http.get("/batch").status_code == 429
    batch_id = caller.submit(names="FedEx")
    assert "x-ratelimit-limit" not in caller.http.get(f"/batch/{batch_id}").headers


@pytest.mark.integration
def test_the_limits_may_hold_without_being_told(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(calls_per_minute=2, limit_headers=False)
    answers = [caller.http.get("/batch") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    for answer in answers:
        told = {name for name in answer.headers if name.startswith("x-ratelimit")}
        assert not told
        assert "retry-after" not in answer.headers
    assert answers[2].json()["error"]["metadata"] == {}
    sandbox.advance(60)
    assert caller.http.get("/batch").is_success


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_no_window_of_a_minute_admits_more_than_the_limit(limit: int, waits: list[float]) -> None:
    clock = Clock()
    clock.freeze(True)
    limits = Limits(clock)
    admitted = []
    told = {1}
    for wait in waits:
        clock.advance(wait)
        try:
            limits.take("list", limit)
        except Refusal as refusal:
            told.add(int(refusal.headers["retry-after"]))
        else:
            admitted.append(clock.now())
    assert min(told) >= 1
    assert max(told) <= 60
    for earlier, later in zip(admitted, admitted[limit:], strict=False):
        assert later - earlier >= 60 - 1e-6
