"""429 is two things, the cap and the rate; and the gate hears what every answer tells."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from manager.endpoints import endpoint
from manager.settings import Settings
from manager.vendor import errors
from manager.vendor.answer import MAX_WAIT, Answer, Budget, budget, error_of, retry_after
from manager.vendor.calls import Route, Worth
from manager.vendor.client import VendorClient

if TYPE_CHECKING:
    from .conftest import Account, Server

ACCEPTED = {"batch_id": "b-1"}
COMPANY = endpoint("company/enrich")


def too_many(
    headers: dict[str, str], text: str = "too many", route: Route = "submit"
) -> errors.VendorError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(Answer(429, named, text.encode()), "a call", route, ())


@pytest.mark.parametrize(
    ("text", "headers", "kind"),
    [
        ("too many", {"x_ratelimit_remaining": "3"}, errors.CapReached),
        ("too many", {"x_ratelimit_remaining": "0"}, errors.RateLimited),
        ("too many", {"retry_after": "7"}, errors.RateLimited),
        ("too many", {}, errors.TooManyRequests),
        ("You already have 5 active batch jobs.", {}, errors.CapReached),
        ("at most 5 jobs may be active", {"retry_after": "7"}, errors.CapReached),
        ("concurrent_limit_exceeded", {"x_ratelimit_remaining": "0"}, errors.CapReached),
        ("5 pending or processing jobs", {}, errors.CapReached),
        ("rate_limit_exceeded", {}, errors.RateLimited),
        ("Your active plan allows 15 requests per minute", {}, errors.RateLimited),
        ("rate limit exceeded", {"x_ratelimit_remaining": "3"}, errors.TooManyRequests),
        ("active jobs or rate limit", {}, errors.TooManyRequests),
        ("active jobs or rate limit", {"retry_after": "7"}, errors.RateLimited),
    ],
)
def test_cap_and_rate_are_told_apart_or_left_open(
    text: str, headers: dict[str, str], kind: type
) -> None:
    assert type(too_many(headers, text)) is kind


@pytest.mark.parametrize("route", ["status", "list"])
def test_a_question_cannot_meet_the_cap(route: Route) -> None:
    error = too_many({"x_ratelimit_remaining": "3"}, "5 active jobs", route)
    assert type(error) is errors.RateLimited


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "7", "x_ratelimit_reset": "3"}, 7.0),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "3.5"}, 3.5),
        ({"x_ratelimit_remaining": "0"}, errors.RateLimited.DEFAULT_WAIT),
        ({"x_ratelimit_remaining": "0", "retry_after": "soon"}, errors.RateLimited.DEFAULT_WAIT),
        ({"retry_after": "99999999"}, MAX_WAIT),
        ({"x_ratelimit_remaining": "0", "retry_after": "-4", "x_ratelimit_reset": "nan"}, 30.0),
    ],
)
def test_the_wait_is_what_the_vendor_asks_for(headers: dict[str, str], wait: float) -> None:
    error = too_many(headers)
    assert isinstance(error, errors.RateLimited)
    assert error.wait == wait


def test_the_wait_may_be_a_date() -> None:
    date = formatdate(time.time() + 90, usegmt=True)
    assert retry_after({"retry-after": date}) == pytest.approx(90, abs=2)
    assert retry_after({"retry-after": formatdate(time.time() - 90, usegmt=True)}) == 0


def test_the_reset_may_be_a_point_in_time() -> None:
    found = budget({"x-ratelimit-reset": str(int(time.time() + 20)), "x-ratelimit-limit": "15"})
    assert found.reset == pytest.approx(20, abs=2)
    assert found.limit == 15


@pytest.mark.parametrize("value", ["", "many", "nan", "inf", "-1"])
def test_headers_that_make_no_sense_are_as_if_they_were_not_sent(value: str) -> None:
    headers = {f"x-ratelimit-{name}": value for name in ("limit", "remaining", "reset")}
    assert budget(headers) == Budget(None, None, None)


class Notes:
    """A gate that notes what it is told, and refuses when asked to."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.closed = False

    def take(self, route: Route, who: str, worth: Worth) -> None:
        self.heard.append(("take", route, who, worth))
        if self.closed:
            raise errors.NotYourTurn(route, 4)

    def answered(self, route: Route, *told: Any) -> None:
        self.heard.append(("answered", route, *told))


@pytest.mark.integration
def test_the_gate_is_asked_before_every_call_and_told_after_it(
    server: Server, settings: Settings, account: Account
) -> None:
    headers = {"x_ratelimit_limit": "15", "x_ratelimit_remaining": "14", "x_ratelimit_reset": "9.5"}
    server.reply = lambda call: call.answer(200, ACCEPTED | {"jobs": []}, **headers)
    gate = Notes()
    with VendorClient(settings, account, gate) as client:
        client.submit(COMPANY, "domains", ["acme.com"])
        client.status("b-1")
        client.list_jobs()
    told = (15, 14, 9.5, None)
    assert gate.heard == [
        ("take", "submit", "submit", Worth.SUBMIT),
        ("answered", "submit", *told),
        ("take", "status", "status:b-1", Worth.LINKS),
        ("answered", "status", *told),
        ("take", "list", "list", Worth.LOOK),
        ("answered", "list", *told),
    ]


@pytest.mark.integration
def test_the_gate_is_told_who_calls_and_what_the_call_is_worth(
    server: Server, settings: Settings, account: Account
) -> None:
    server.reply = lambda call: call.answer(200, ACCEPTED | {"jobs": []})
    gate = Notes()
    with VendorClient(settings, account, gate) as client:
        client.submit(COMPANY, "domains", ["acme.com"], who="job 7")
        client.status("b-1", who="resolve", worth=Worth.SAMPLE)
        client.list_jobs(who="look", worth=Worth.IDLE_LOOK)
    assert [heard[1:] for heard in gate.heard if heard[0] == "take"] == [
        ("submit", "job 7", Worth.SUBMIT),
        ("status", "resolve", Worth.SAMPLE),
        ("list", "look", Worth.IDLE_LOOK),
    ]


def test_what_fills_or_finds_a_slot_goes_before_what_can_wait() -> None:
    assert Worth.SUBMIT > Worth.LOOK > Worth.LINKS > Worth.IDLE_LOOK > Worth.SAMPLE > 0


@pytest.mark.integration
def test_a_closed_gate_keeps_the_call_from_being_made(
    server: Server, settings: Settings, account: Account
) -> None:
    gate = Notes()
    gate.closed = True
    with VendorClient(settings, account, gate) as client:
        for call in (
            lambda: client.submit(COMPANY, "domains", ["acme.com"]),
            lambda: client.status("b-1"),
            client.list_jobs,
        ):
            with pytest.raises(errors.NotYourTurn) as raised:
                call()
            assert (raised.value.wait, raised.value.status) == (4, None)
        assert not server.calls
    assert [heard[0] for heard in gate.heard] == ["take"] * 3


def test_waiting_for_ones_turn_says_until_when_and_is_no_refusal() -> None:
    error = errors.NotYourTurn("list", 0)
    now = datetime.now(UTC)
    assert str(error) in {
        f"waits for its turn until {it:%H:%M:%S} UTC (calls to list)"
        for it in (now, now - timedelta(seconds=1))
    }
    assert not isinstance(error, errors.Refused)


@pytest.mark.integration
def test_who_has_passed_the_gate_is_not_asked_again(
    server: Server, settings: Settings, account: Account
) -> None:
    server.reply = lambda call: call.answer(200, ACCEPTED)
    gate = Notes()
    with VendorClient(settings, account, gate) as client:
        client.submit(COMPANY, "domains", ["acme.com"], admitted=True)
    assert [heard[0] for heard in gate.heard] == ["answered"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("status", "headers", "blocked"),
    [
        (429, {"retry_after": "7"}, 7.0),
        (429, {"x_ratelimit_remaining": "5"}, None),
        (503, {"retry_after": "11"}, 11.0),
        (503, {}, None),
        (400, {}, None),
    ],
)
def test_the_gate_is_told_for_how_long_no_call_is_wanted(
    server: Server,
    settings: Settings,
    account: Account,
    status: int,
    headers: dict[str, str],
    blocked: float | None,
) -> None:
    server.reply = lambda call: call.answer(status, **headers)
    gate = Notes()
    with VendorClient(settings, account, gate) as client, pytest.raises(errors.VendorError):
        client.submit(COMPANY, "domains", ["acme.com"])
    assert gate.heard[-1][-1] == blocked
