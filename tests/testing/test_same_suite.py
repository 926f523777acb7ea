"""What a caller may rely on, of the real manager and of the fake one alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from manager import (
    BudgetError,
    ConfigurationError,
    ConflictError,
    InvalidIdentifiersError,
    InvalidRequestError,
    NotFoundError,
    Outcome,
    RefusedTargetError,
    Request,
    WaitTimeoutError,
)
from tests.testing.worlds import World

pytestmark = pytest.mark.integration

KNOWN, OTHER, STRANGER = "company-0000001.example", "company-0000002.example", "nobody.example"
IDS = {KNOWN: 10_000_001, OTHER: 10_000_002}
MONTH = timedelta(days=31)


def outcomes(request: Request) -> list[Outcome | None]:
    return [it.outcome for it in request.results()]


class TestEnqueue:
    def test_what_was_written_comes_back_in_order_and_spelling_repeats_included(
        self, world: World
    ) -> None:
        written = [f"https://www.{KNOWN.upper()}/about", STRANGER, KNOWN, KNOWN]
        request = world.manager.enqueue("domains", iter(written))
        assert (request.total, request.created, request.invalid) == (4, True, ())
        assert outcomes(request) == [None] * 4
        world.settle()
        found = list(request.results())
        assert [(it.position, it.identifier) for it in found] == list(enumerate(written))
        assert [it.outcome for it in found] == [
            "fulfilled",
            "not_found",
            "fulfilled",
            "fulfilled",
        ]
        assert [it.vendor_id for it in found] == [IDS[KNOWN], None, IDS[KNOWN], IDS[KNOWN]]
        assert [it.reason for it in found] == [None] * 4
        assert found[0].company_id == IDS[KNOWN]
        assert found[0].record is not None
        assert found[0].record["crustdata_company_id"] == IDS[KNOWN]
        assert found[1].record is None

    def test_progress_tells_what_was_asked_and_how_far_it_is(self, world: World) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        request = world.manager.enqueue(
            "domains",
            [KNOWN, STRANGER],
            fields=["revenue", "headcount.total", "revenue"],
            priority=7,
            metadata={"list": "crm", "nested": [{"b": None}], "emoji": "😀"},
        )
        now = request.progress()
        assert (now.id, now.account, now.endpoint) == (request.id, "test", "company/enrich")
        assert (now.identifier_type, now.fields) == ("domains", ("headcount.total", "revenue"))
        assert (now.priority, now.total, now.settled, now.waiting) == (7, 2, 0, 2)
        assert now.metadata == {"list": "crm", "nested": [{"b": None}], "emoji": "😀"}
        assert before < now.created_at
        assert (now.finished, now.finished_at, now.cancelled_at) == (False, None, None)
        world.settle()
        end = request.progress()
        assert (end.fulfilled, end.not_found, end.failed, end.cancelled) == (1, 1, 0, 0)
        assert end.finished
        assert end.waiting == 0

    def test_identifiers_of_each_type_are_normalised_alike(self, world: World) -> None:
        spellings: dict[str, list[Any]] = {
            "names": [" Company\t0000001 ", "COMPANY 0000001"],
            "crustdata_company_ids": [10_000_001, "10000001", " 010000001 "],
            "professional_network_profile_urls": ["linkedin.com/company/company-0000001/?a=b"],
        }
        for identifier_type, written in spellings.items():
            request = world.manager.enqueue(identifier_type, written)  # type: ignore[arg-type]
            world.settle()
            found = list(request.results())
            assert [it.identifier for it in found] == [str(it) for it in written]
            assert {it.vendor_id for it in found} == {10_000_001}

    def test_every_bad_identifier_is_named_with_its_place(self, world: World) -> None:
        values: list[Any] = ["ok.com", "not a domain", "fine.org", "", 7]
        with pytest.raises(InvalidIdentifiersError) as refusal:
            world.manager.enqueue("domains", values)
        assert [(it.position, it.value) for it in refusal.value.invalid] == [
            (1, "not a domain"),
            (3, ""),
            (4, 7),
        ]
        assert "3 of the domains cannot be looked up; nothing was enqueued" in str(refusal.value)

    def test_bad_identifiers_can_be_skipped(self, world: World) -> None:
        request = world.manager.enqueue("domains", ["a", KNOWN, "b"], on_invalid="skip")
        assert [it.position for it in request.invalid] == [0, 2]
        assert [(it.position, it.identifier) for it in request.results()] == [(1, KNOWN)]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"identifier_type": "emails"}, "'emails' is not one of domains, names"),
            ({"identifier_type": "business_emails"}, "is none of company/enrich"),
            ({"identifiers": "a.com"}, "not str"),
            ({"identifiers": 5}, "not int"),
            ({"fields": "a.b"}, "must be a list"),
            ({"fields": ["a b"]}, "'a b' is not a dotted path"),
            ({"endpoint": "company/buy"}, "'company/buy' is not one of company/enrich"),
            ({"priority": 101}, "101 is not an integer from -100 to 100"),
            ({"priority": True}, "True is not"),
            ({"max_age": -1}, "max_age: -1 s is not between 0"),
            ({"idempotency_key": "x" * 5_000}, "xxx… (5,002 characters) is not a string"),
            ({"fields": "x" * 5_000}, "xxx… (5,002 characters)."),
            ({"identifier_type": "x" * 5_000}, "xxx… (5,002 characters) is not"),
            ({"max_age": "1 day"}, "'1 day' is not a time span"),
            ({"idempotency_key": ""}, "'' is not a string of 1 to 255"),
            ({"metadata": {"a": object()}}, "cannot be written as JSON"),
            ({"metadata": {"a": "\0"}}, "U+0000"),
            ({"on_invalid": "ignore"}, "'ignore' is neither"),
            ({"linger": 0}, "0 is neither True"),
        ],
    )
    def test_a_bad_argument_is_named(
        self, world: World, arguments: dict[str, Any], message: str
    ) -> None:
        call: dict[str, Any] = {"identifier_type": "domains", "identifiers": [KNOWN]} | arguments
        with pytest.raises(InvalidRequestError) as refusal:
            world.manager.enqueue(**call)
        assert message in str(refusal.value)

    def test_an_endpoint_that_needs_fields_refuses_none(self, world: World) -> None:
        call: dict[str, Any] = {
            "identifier_type": "professional_network_profile_urls",
            "identifiers": ["https://www.linkedin.com/in/person-0000001"],
            "endpoint": "person/contact/enrich",
        }
        with pytest.raises(InvalidRequestError, match="needs some"):
            world.manager.enqueue(**call)
        request = world.manager.enqueue(**call, fields=["business_email"])
        assert request.progress().endpoint == "person/contact/enrich"

    def test_an_account_that_the_ledger_does_not_have_is_refused_with_those_it_has(
        self, world: World
    ) -> None:
        with pytest.raises(ConfigurationError, match="no account named 'crm'; it has: test"):
            world.manager.enqueue("domains", [KNOWN], account="crm")

    def test_nothing_is_a_finished_request(self, world: World) -> None:
        request = world.manager.enqueue("domains", [])
        assert request.wait(timeout=5).total == 0
        assert list(request.results()) == []

    def test_an_iterator_that_fails_leaves_nothing_behind(self, world: World) -> None:
        def broken() -> Iterator[str]:
            yield KNOWN
            raise LookupError("the caller's own")

        with pytest.raises(LookupError, match="the caller's own"):
            world.manager.enqueue("domains", broken(), idempotency_key="k")
        assert world.manager.enqueue("domains", [KNOWN], idempotency_key="k").created

    def test_an_iterator_may_enqueue_itself(self, world: World) -> None:
        made: list[Request] = []

        def nested() -> Iterator[str]:
            made.append(world.manager.enqueue("domains", [OTHER]))
            yield KNOWN

        made.append(world.manager.enqueue("domains", nested()))
        world.settle()
        assert [outcomes(it) for it in made] == [["fulfilled"]] * 2

    def test_thousands_of_results_come_in_order(self, world: World) -> None:
        written = [f"company-{number:07}.example" for number in range(4_100)]
        request = world.manager.enqueue("domains", written)
        assert [it.identifier for it in request.results()] == written
        assert {it.outcome for it in request.results()} == {None}


class TestIdempotencyKeys:
    def test_a_repeated_call_returns_the_first_request(self, world: World) -> None:
        first = world.manager.enqueue("domains", [KNOWN, OTHER], idempotency_key="k", priority=1)
        again = world.manager.enqueue("domains", [KNOWN, OTHER], idempotency_key="k", priority=9)
        assert (again.id, again.total, again.created) == (first.id, 2, False)
        assert again.progress().priority == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"identifiers": [OTHER, KNOWN]},
            {"identifiers": [KNOWN]},
            {"identifiers": [KNOWN.upper(), OTHER]},
            {"fields": ["headcount"]},
            {"identifier_type": "names"},
        ],
    )
    def test_other_content_is_a_conflict(self, world: World, other: dict[str, Any]) -> None:
        call: dict[str, Any] = {"identifier_type": "domains", "identifiers": [KNOWN, OTHER]}
        first = world.manager.enqueue(**call, idempotency_key="k")
        with pytest.raises(ConflictError, match=f"'k' belongs to request {first.id}"):
            world.manager.enqueue(**call | other, idempotency_key="k")

    def test_racing_calls_make_one_request(self, world: World) -> None:
        made: list[Request] = []

        def enqueue() -> None:
            made.append(world.manager.enqueue("domains", [KNOWN, OTHER], idempotency_key="race"))

        threads = [threading.Thread(target=enqueue) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({it.id for it in made}) == 1
        assert [it.created for it in made].count(True) == 1


class TestFreshness:
    def test_a_fresh_result_is_taken_as_it_is_found_or_not(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN, STRANGER])
        world.settle()
        again = world.manager.enqueue("domains", [STRANGER, KNOWN])
        assert again.progress().finished
        assert outcomes(again) == ["not_found", "fulfilled"]

    def test_a_hit_and_one_that_waits_are_one_request(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        mixed = world.manager.enqueue("domains", [OTHER, KNOWN])
        assert (mixed.progress().fulfilled, mixed.progress().waiting) == (1, 1)
        world.settle()
        assert outcomes(mixed) == ["fulfilled", "fulfilled"]

    def test_what_is_too_old_is_bought_again(self, world: World) -> None:
        first = world.manager.enqueue("domains", [KNOWN])
        world.settle()
        world.advance(MONTH)
        assert world.manager.enqueue("domains", [KNOWN], max_age=2 * MONTH).progress().finished
        again = world.manager.enqueue("domains", [KNOWN])
        assert outcomes(again) == [None]
        assert outcomes(first) == ["fulfilled"], "a request keeps what it got"
        world.settle()
        [old], [new] = first.results(), again.results()
        assert old.fetched_at is not None
        assert new.fetched_at is not None
        assert new.fetched_at - old.fetched_at >= MONTH

    @pytest.mark.parametrize("max_age", [0, 0.0, timedelta(0)])
    def test_an_age_of_zero_buys_anew_but_joins_what_waits(
        self, world: World, max_age: Any
    ) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        anew = world.manager.enqueue("domains", [KNOWN], max_age=max_age)
        joined = world.manager.enqueue("domains", [KNOWN], max_age=max_age)
        assert outcomes(anew) == outcomes(joined) == [None]
        world.settle()
        assert list(anew.results()) == list(joined.results())

    def test_other_fields_are_another_purchase(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        other = world.manager.enqueue("domains", [KNOWN], fields=["headcount"])
        assert outcomes(other) == [None]

    def test_a_failure_is_tried_again_by_the_next_request(self, world: World) -> None:
        failed = world.manager.enqueue("domains", [KNOWN])
        world.fail()
        assert outcomes(failed) == ["failed"]
        assert failed.progress().failed == 1
        [result] = failed.results()
        assert result.reason
        assert result.record is None
        again = world.manager.enqueue("domains", [KNOWN])
        world.settle()
        assert (outcomes(failed), outcomes(again)) == (["failed"], ["fulfilled"])


class TestWhatIsBought:
    def test_a_request_tells_what_is_new_what_others_have_asked_for_and_what_is_fresh(
        self, world: World
    ) -> None:
        manager = world.manager
        assert (made := manager.enqueue("domains", [KNOWN])).new == 1
        world.settle()
        manager.enqueue("domains", [OTHER])
        mixed = manager.enqueue("domains", [KNOWN, OTHER, STRANGER, STRANGER], idempotency_key="a")
        assert (mixed.new, mixed.joined, mixed.hits) == (1, 2, 1)
        for same in (
            manager.request(mixed.id),
            manager.enqueue("domains", [KNOWN, OTHER, STRANGER, STRANGER], idempotency_key="a"),
        ):
            assert (same.new, same.joined, same.hits, same.created) == (1, 2, 1, False)
        free = manager.enqueue("domains", [KNOWN, f"www.{KNOWN}"])
        assert (free.new, free.joined, free.hits) == (0, 0, 2)
        assert made.progress().hits == 0


class TestOutcomes:
    def test_results_of_one_outcome_or_of_several(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN, STRANGER, OTHER, STRANGER])
        assert [it.position for it in request.results(outcome="waiting")] == [0, 1, 2, 3]
        world.settle()
        found = {
            wanted: [it.position for it in request.results(outcome=wanted)]
            for wanted in (None, "fulfilled", Outcome.NOT_FOUND, ("failed", "not_found"), "waiting")
        }
        assert found == {
            None: [0, 1, 2, 3],
            "fulfilled": [0, 2],
            "not_found": [1, 3],
            ("failed", "not_found"): [1, 3],
            "waiting": [],
        }
        assert request.to_arrow(outcome="not_found")["position"].to_pylist() == [1, 3]

    @pytest.mark.parametrize("wanted", ["pending", [], ["failed", "x"], 7])
    def test_what_is_no_outcome_is_refused_at_once(self, world: World, wanted: Any) -> None:
        request = world.manager.enqueue("domains", [KNOWN])
        with pytest.raises(InvalidRequestError, match="fulfilled, not_found, failed, cancelled"):
            request.results(outcome=wanted)


class TestWait:
    def test_it_ends_with_the_last_outcome(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN, STRANGER])
        ended = []
        waiter = threading.Thread(target=lambda: ended.append(request.wait(timeout=60)))
        waiter.start()
        world.settle()
        waiter.join()
        assert ended == [request.progress()]
        assert ended[0].finished

    def test_it_says_what_it_waited_for_when_time_is_up(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN, STRANGER])
        with pytest.raises(WaitTimeoutError, match=r"after 0.05 s: 0 of 2 identifiers are"):
            request.wait(timeout=0.05)
        with pytest.raises(TimeoutError):
            request.wait(timeout=0)

    @pytest.mark.parametrize("timeout", ["5", True, float("nan"), timedelta(seconds=5)])
    def test_what_is_no_number_of_seconds_is_refused(self, world: World, timeout: Any) -> None:
        request = world.manager.enqueue("domains", [KNOWN])
        with pytest.raises(InvalidRequestError, match=r"timeout: .* is not a number of seconds"):
            request.wait(timeout)

    def test_a_cancel_ends_it(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN])
        waiter = threading.Thread(target=lambda: request.wait(timeout=60))
        waiter.start()
        request.cancel()
        waiter.join()
        assert request.progress().cancelled == 1


class TestCancel:
    def test_what_another_request_wants_goes_on(self, world: World) -> None:
        mine = world.manager.enqueue("domains", [KNOWN, OTHER])
        others = world.manager.enqueue("domains", [OTHER, STRANGER])
        assert mine.cancel().cancelled == 2
        assert outcomes(mine) == [Outcome.CANCELLED] * 2
        assert {it.reason for it in mine.results()} == {"the request was cancelled"}
        assert others.progress().waiting == 2
        world.settle()
        assert outcomes(others) == ["fulfilled", "not_found"]
        assert outcomes(mine) == [Outcome.CANCELLED] * 2

    def test_what_is_settled_stays(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        mixed = world.manager.enqueue("domains", [KNOWN, OTHER])
        end = mixed.cancel()
        assert (end.fulfilled, end.cancelled, end.finished) == (1, 1, True)
        assert end.cancelled_at is not None
        assert outcomes(mixed) == ["fulfilled", "cancelled"]

    def test_it_is_repeatable_and_can_be_asked_for_again(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN])
        assert request.cancel() == request.cancel()
        again = world.manager.enqueue("domains", [KNOWN])
        assert again.progress().waiting == 1
        world.settle()
        assert (outcomes(request), outcomes(again)) == (["cancelled"], ["fulfilled"])

    def test_a_finished_request_is_left_as_it_is(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN])
        world.settle()
        before = request.progress()
        assert request.cancel() == before


class TestFindAgain:
    def test_by_its_id_in_any_form(self, world: World) -> None:
        request = world.manager.enqueue("domains", [KNOWN, STRANGER])
        for written in (request.id, str(request.id), request.id.hex):
            again = world.manager.request(written)
            assert (again.id, again.total, again.created, again.invalid) == (
                request.id,
                2,
                False,
                (),
            )
            assert again.progress() == request.progress()

    def test_by_what_they_were_enqueued_with_the_newest_first(self, world: World) -> None:
        manager = world.manager
        start = datetime.now(UTC) - timedelta(minutes=1)
        one = manager.enqueue("domains", [KNOWN], tag="crm", metadata={"list": {"id": 7}, "a": [1]})
        world.settle()
        two = manager.enqueue("domains", [OTHER], tag="ads", idempotency_key="2", metadata={"a": 1})
        asked: list[tuple[dict[str, Any], list[Request]]] = [
            ({}, [two, one]),
            ({"open": True}, [two]),
            ({"open": False}, [one]),
            ({"tag": "crm"}, [one]),
            ({"tag": "none"}, []),
            ({"account": "test", "open": True}, [two]),
            ({"metadata": {"list": {"id": 7}}}, [one]),
            ({"metadata": {"a": [1]}}, [one]),
            ({"metadata": {"list": {"id": "7"}}}, []),
            ({"metadata": {"a": True}}, []),
            ({"idempotency_key": "2"}, [two]),
            ({"since": start}, [two, one]),
            ({"since": datetime.now(UTC) + timedelta(days=1)}, []),
            ({"since": timedelta(hours=1), "tag": "crm"}, [one]),
        ]
        for arguments, expected in asked:
            found = list(manager.requests(**arguments))
            assert [it.id for it in found] == [it.id for it in expected], arguments
        assert next(iter(manager.requests())) == two.progress()

    def test_an_asyncio_caller_finds_them_alike(self, world: World) -> None:
        async def find() -> list[Any]:
            async with world.async_manager as manager:
                made = await manager.enqueue("domains", [KNOWN], linger=False)
                assert (made.new, made.hits, made.joined) == (1, 0, 0)
                assert [it async for it in made.results("waiting")] != []
                assert [it async for it in made.results("failed")] == []
                return [it.id == made.id async for it in manager.requests(open=True)]

        assert asyncio.run(find()) == [True]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"open": 1}, "1 is neither True, False nor None"),
            ({"tag": ""}, "'' is not a string"),
            ({"since": "2h"}, "'2h' is neither a datetime nor a timedelta"),
            ({"since": datetime(2026, 1, 1)}, "has no time zone"),
        ],
    )
    def test_what_cannot_be_asked_for_is_said_at_once(
        self, world: World, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidRequestError, match=message):
            world.manager.requests(**arguments)

    def test_of_an_account_that_is_not_there(self, world: World) -> None:
        with pytest.raises(ConfigurationError, match="no account named 'crm'"):
            next(world.manager.requests(account="crm"))

    @pytest.mark.parametrize("request_id", ["nonsense", "", "0" * 32, uuid4(), None, 7])
    def test_an_unknown_one_is_said(self, world: World, request_id: Any) -> None:
        with pytest.raises(NotFoundError, match="There is no request"):
            world.manager.request(request_id)


class TestLookup:
    def test_what_is_known_is_told_and_nothing_is_bought(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN, STRANGER])
        world.settle()
        world.manager.enqueue("domains", [OTHER])
        asked = [KNOWN.upper(), STRANGER, OTHER, "never.example", "not a domain"]
        known, stranger, other, never, bad = world.manager.lookup("domains", asked)
        assert [it.identifier for it in (known, stranger, other, never, bad)] == asked
        assert (known.outcome, known.vendor_id, known.why) == ("fulfilled", IDS[KNOWN], None)
        assert known.record["crustdata_company_id"] == IDS[KNOWN]
        assert (known.account, known.endpoint, known.fields) == ("test", "company/enrich", ())
        assert known.age is not None
        assert stranger.outcome == "not_found"
        assert (other.outcome, other.waiting) == (None, True)
        assert (never.outcome, never.why) == (None, "never asked for")
        assert str(bad.why).startswith("cannot be looked up: it is not a domain")
        assert world.manager.enqueue("domains", ["never.example"]).progress().waiting == 1

    def test_it_can_be_narrowed(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN], fields=["headcount"])
        world.settle()
        world.advance(MONTH)
        narrowed: list[tuple[dict[str, Any], str | None]] = [
            ({"fields": ["headcount.total"]}, "fulfilled"),
            ({"fields": ["revenue"]}, None),
            ({"max_age": timedelta(days=1)}, None),
            ({"max_age": timedelta(days=40)}, "fulfilled"),
            ({"endpoint": "company/enrich", "account": "test"}, "fulfilled"),
        ]
        for arguments, outcome in narrowed:
            [found] = world.manager.lookup("domains", [KNOWN], **arguments)
            assert found.outcome == outcome, arguments
        with pytest.raises(ConfigurationError, match="it has: test"):
            list(world.manager.lookup("domains", [KNOWN], account="crm"))

    def test_history_has_every_purchase(self, world: World) -> None:
        first = world.manager.enqueue("domains", [KNOWN])
        world.settle()
        second = world.manager.enqueue("domains", [KNOWN.upper()], max_age=0)
        world.settle()
        hit = world.manager.enqueue("domains", [KNOWN])
        [found] = world.manager.lookup("domains", [KNOWN], history=True)
        assert found.history is not None
        one = ["requested", "packed", "submitted", "accepted", "completed", "fulfilled"]
        assert [it.event for it in found.history] == [*one, *one, "requested"]
        assert [it.cycle for it in found.history] == [1] * 6 + [2] * 7
        requests = [it.request_id for it in found.history if it.event == "requested"]
        assert requests == [first.id, second.id, hit.id]


class TestEstimate:
    def test_it_says_what_would_be_bought(self, world: World) -> None:
        failed, waits, fresh, new = (f"company-000000{digit}.example" for digit in range(1, 5))
        world.manager.enqueue("domains", [failed])
        world.fail()
        world.manager.enqueue("domains", [fresh])
        world.settle()
        world.manager.enqueue("domains", [waits])
        found = world.manager.estimate(
            "domains", [failed, waits, fresh, new, new.upper(), "not a domain", None]
        )
        assert (found.total, found.duplicates, found.missing) == (7, 1, 1)
        assert (found.new, found.unsuccessful, found.stale) == (1, 1, 0)
        assert (found.pending, found.in_job, found.fresh) == (1, 0, 1)
        assert (found.to_buy, found.jobs) == (2, 1)
        assert found.oldest is not None
        assert found.oldest == found.newest
        assert found.lingers == world.manager._settings.linger
        assert world.manager.estimate("domains", [new], linger=False).lingers == 0
        assert world.manager.estimate("domains", [fresh]).lingers == 0
        assert world.manager.estimate("domains", [fresh], max_age=0).stale == 1
        assert world.manager.estimate("domains", [fresh], fields=["headcount"]).new == 1
        with pytest.raises(ConfigurationError, match="no account named 'crm'"):
            world.manager.estimate("domains", [fresh], account="crm")


class TestBudgets:
    """With a hard one of 3 records a day for the tag crm, at 2 credits a record."""

    def test_a_call_beyond_a_hard_budget_is_refused_with_the_numbers(self, capped: World) -> None:
        manager = capped.manager
        manager.enqueue("domains", [KNOWN], tag="crm")
        capped.settle()
        manager.enqueue("domains", [OTHER], tag="crm")
        with pytest.raises(BudgetError) as caught:
            manager.enqueue("domains", [STRANGER, "nobody2.example", OTHER, KNOWN], tag="crm")
        error = caught.value
        assert (error.budget, error.unit) == ("tag crm, a day, hard", "records")
        assert [error.cap, error.spent, error.waiting, error.asked, error.left] == [3, 1, 1, 2, 1]
        assert "by what waits, which leaves 1; this call may cost 2" in str(error)
        [unknown] = manager.lookup("domains", [STRANGER])
        assert not unknown.waiting, "nothing was half-written"
        manager.enqueue("domains", [STRANGER, OTHER, KNOWN], tag="crm")
        manager.enqueue("domains", ["a.example", "b.example"])
        manager.enqueue("domains", ["c.example", "d.example"], tag="other")

    def test_it_turns_with_the_day(self, capped: World) -> None:
        three = ["company-0000003.example", KNOWN, OTHER]
        capped.manager.enqueue("domains", three, tag="crm")
        capped.settle()
        with pytest.raises(BudgetError, match="which leaves 0"):
            capped.manager.enqueue("domains", [STRANGER], tag="crm")
        capped.advance(timedelta(days=1))
        assert capped.manager.enqueue("domains", [STRANGER], tag="crm").created

    def test_progress_tells_what_was_bought_for_it(self, capped: World) -> None:
        first = capped.manager.enqueue("domains", [KNOWN, STRANGER], tag="crm")
        joined = capped.manager.enqueue("domains", [KNOWN, KNOWN, OTHER])
        capped.settle()
        hit = capped.manager.enqueue("domains", [KNOWN], tag="late")
        told = [
            (it.tag, it.hits, it.joined, it.bought, int(it.credits), it.waits_for)
            for it in (request.progress() for request in (first, joined, hit))
        ]
        assert told == [
            ("crm", 0, 0, 1, 2, None),
            (None, 0, 2, 1, 2, None),
            ("late", 1, 0, 0, 0, None),
        ]

    def test_an_estimate_tells_the_most_that_it_costs_and_what_is_left(self, capped: World) -> None:
        capped.manager.enqueue("domains", [KNOWN], tag="crm")
        few = capped.manager.estimate("domains", [KNOWN, OTHER, STRANGER], tag="crm")
        assert [few.to_buy, few.price, few.credits, few.leaves] == [2, 2, 4, 2]
        assert few.refused_by is None
        many = capped.manager.estimate("domains", [OTHER, STRANGER, "c.example"], tag="crm")
        assert many.refused_by is not None
        assert many.refused_by.name == "tag crm, a day, hard"
        free = capped.manager.estimate("domains", [OTHER, STRANGER, "c.example"])
        assert (free.refused_by, free.leaves, free.budgets) == (None, None, ())

    @pytest.mark.parametrize("tag", ["", "x" * 201, "a\nb", 7])
    def test_a_tag_that_is_none_is_refused(self, capped: World, tag: Any) -> None:
        with pytest.raises(InvalidRequestError, match="tag: "):
            capped.manager.enqueue("domains", [KNOWN], tag=tag)


class TestFrames:
    def test_results_become_a_table(self, world: World) -> None:
        pytest.importorskip("pyarrow")
        request = world.manager.enqueue("domains", [KNOWN, STRANGER])
        world.settle()
        table = request.to_arrow(fields=["crustdata_company_id"])
        assert table.column("identifier").to_pylist() == [KNOWN, STRANGER]
        assert table.column("outcome").to_pylist() == ["fulfilled", "not_found"]
        assert table.column("crustdata_company_id").to_pylist() == [IDS[KNOWN], None]
        assert request.to_arrow().num_rows == 2


def test_with_asyncio_all_is_the_same(world: World) -> None:
    async def story() -> None:
        manager = world.async_manager
        request = await manager.enqueue("crustdata_company_ids", [10_000_001, "5"])
        with pytest.raises(WaitTimeoutError, match="0 of 2 identifiers are settled"):
            await request.wait(timeout=0.05)
        assert [it.identifier async for it in request.results()] == ["10000001", "5"]
        waiter = asyncio.create_task(request.wait(timeout=60))
        await asyncio.to_thread(world.settle)
        assert (await waiter).finished
        assert [it.vendor_id async for it in request.results()] == [10_000_001, None]
        assert (await (await manager.request(request.id)).progress()).settled == 2
        other = await manager.enqueue("domains", [KNOWN])
        assert (await other.cancel()).cancelled == 1
        with pytest.raises(InvalidIdentifiersError):
            await manager.enqueue("crustdata_company_ids", [0])
        with pytest.raises(NotFoundError):
            await manager.request("nonsense")

    asyncio.run(story())


class TestBeingTold:
    def test_what_the_targets_are_told_in_order(self, world: World) -> None:
        request = world.manager.enqueue(
            "domains", [KNOWN, STRANGER], notify=["pg:app", "crm"], idempotency_key="order-7"
        )
        world.settle()
        assert world.told() == [
            ("request.finished", target, str(request.id), {"fulfilled": 1, "not_found": 1})
            for target in ("crm", "pg:app")
        ]

    def test_progress_is_told_unless_only_the_end_is_wanted(self, world: World) -> None:
        earlier = world.manager.enqueue("domains", [KNOWN])
        world.settle()
        assert earlier.progress().finished
        written = [KNOWN, STRANGER]
        world.manager.enqueue("domains", written, notify="pg:all")
        world.manager.enqueue(
            "domains", written, notify="pg:end", notify_events=["request.finished"]
        )
        told = [(event, target) for event, target, _, _ in world.told()]
        assert told == [("request.progress", "pg:all")]
        world.settle()
        told = [(event, target) for event, target, _, _ in world.told()]
        assert sorted(told[1:]) == [("request.finished", "pg:all"), ("request.finished", "pg:end")]

    def test_a_cancellation_a_request_of_hits_and_an_empty_one_are_told(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        world.manager.enqueue("domains", [STRANGER], notify="pg:a").cancel()
        world.manager.enqueue("domains", [KNOWN], notify="pg:b")
        world.manager.enqueue("domains", [], notify="pg:c")
        assert [(event, target, counted) for event, target, _, counted in world.told()] == [
            ("request.finished", "pg:a", {"cancelled": 1}),
            ("request.finished", "pg:b", {"fulfilled": 1}),
            ("request.finished", "pg:c", {}),
        ]

    def test_without_targets_nothing_is_told(self, world: World) -> None:
        world.manager.enqueue("domains", [KNOWN])
        world.settle()
        assert world.told() == []

    def test_an_asyncio_caller_is_told_alike(self, world: World) -> None:
        async def story() -> None:
            async with world.async_manager as manager:
                await manager.enqueue("domains", [], notify=["pg:a", "pg:a"])

        asyncio.run(story())
        assert [target for _, target, _, _ in world.told()] == ["pg:a"]

    @pytest.mark.parametrize(
        ("target", "why"),
        [
            ("http://169.254.169.254/latest", "must not be told"),
            ("https://localhost/", "must not be told"),
            ("https://user:hush@a.example/", "no user name"),
            ("nonsense here", "is no target"),
            ([f"pg:{it}" for it in range(11)], "a request tells 10 at most"),
            (7, "a target or a list"),
        ],
    )
    def test_a_target_that_must_not_be_told_is_refused_and_nothing_enqueued(
        self, world: World, target: Any, why: str
    ) -> None:
        with pytest.raises(InvalidRequestError, match=why) as caught:
            world.manager.enqueue("domains", [KNOWN], notify=target)
        assert isinstance(caught.value, RefusedTargetError) == ("must not" in why)
        assert "hush" not in str(caught.value)

    def test_an_event_that_is_nothing_of_a_request_is_refused(self, world: World) -> None:
        for event in ("account.paused", "request.begun"):
            with pytest.raises(InvalidRequestError, match=event):
                world.manager.enqueue(
                    "domains",
                    [KNOWN],
                    notify="pg:a",
                    notify_events=[event],  # type: ignore[list-item]
                )
