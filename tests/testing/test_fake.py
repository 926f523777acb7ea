"""What only the fake manager has: it is told what happens, and asked what was enqueued."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import pkgutil
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

import manager.client
from manager import (
    AsyncManager,
    AsyncRequest,
    ConfigurationError,
    Manager,
    NotFoundError,
    Outcome,
    Request,
    UnavailableError,
    WaitTimeoutError,
)
from manager.ledger.sql import Statements
from manager.testing import NOT_FOUND, Failed, FakeAsyncManager, FakeManager
from manager.testing.given import given_settings
from manager.testing.memory import FILES

# Parts of others; and what only real connections are asked.
NOT_ASKED = {"budgets.of_request", "enqueue.given", "follow.listen", "holders.holders"}
RECORD = {"crustdata_company_id": 7, "basic_info": {"name": "Stripe"}}


@pytest.fixture
def fake() -> FakeManager:
    return FakeManager()


class TestItCannotLagBehind:
    """Whatever is added to the manager, the fake has it, or this fails."""

    @pytest.mark.parametrize(
        ("real", "faked"), [(Manager, FakeManager), (AsyncManager, FakeAsyncManager)]
    )
    def test_its_public_methods_are_the_managers_own(self, real: type, faked: type) -> None:
        assert issubclass(faked, real)
        own = set(vars(faked))
        for name, method in inspect.getmembers(real, callable):
            if not name.startswith("_") and name in own:
                assert inspect.signature(getattr(faked, name)) == inspect.signature(method), name

    def test_each_statement_of_a_caller_is_modelled(self) -> None:
        asked = set()
        for module in pkgutil.iter_modules(manager.client.__path__, "manager.client."):
            for value in vars(__import__(module.name, fromlist=["_"])).values():
                if isinstance(value, Statements):
                    asked |= {getattr(value, name).name for name in value.names()}
        asked -= NOT_ASKED
        assert len(asked) > 15
        missing = {
            name
            for name in asked
            for file, _, statement in [name.partition(".")]
            if not hasattr(FILES.get(file), statement)
        }
        assert not missing

    def test_requests_are_the_managers_own(self, fake: FakeManager) -> None:
        assert type(fake.enqueue("domains", ["a.com"])) is Request
        made = asyncio.run(FakeAsyncManager(fake).enqueue("domains", ["a.com"]))
        assert type(made) is AsyncRequest

    def test_it_is_opened_and_closed_as_the_managers_are(self, fake: FakeManager) -> None:
        with fake as opened:
            opened.enqueue("domains", ["a.com"])

        async def story() -> None:
            async with FakeAsyncManager(fake) as opened:
                await opened.enqueue("domains", ["b.com"])

        asyncio.run(story())
        fake.close()
        assert fake.enqueued("domains") == ["a.com", "b.com"]

    def test_it_is_not_taken_for_another_in_another_process(self, fake: FakeManager) -> None:
        for it in (fake, FakeAsyncManager(fake)):
            with pytest.raises(TypeError, match="in this process alone"):
                pickle.dumps(it)


class TestSettle:
    def test_each_gets_its_answer_in_any_spelling(self, fake: FakeManager) -> None:
        request = fake.enqueue("domains", ["Stripe.com", "nobody.example", "bad.example", "a.com"])
        fake.settle({"https://www.STRIPE.com/": RECORD, "nobody.example": NOT_FOUND})
        fake.settle({"bad.example": Failed("the vendor was away")})
        found = list(request.results())
        assert [it.outcome for it in found] == ["fulfilled", "not_found", "failed", None]
        assert (found[0].record, found[0].vendor_id) == (RECORD, 7)
        assert found[2].reason == "the vendor was away"
        assert fake.waiting == ["a.com"]

    def test_ids_may_be_integers(self, fake: FakeManager) -> None:
        request = fake.enqueue("crustdata_company_ids", [5, "7"])
        fake.settle({5: NOT_FOUND, "7": RECORD})
        assert [it.outcome for it in request.results()] == ["not_found", "fulfilled"]

    @pytest.mark.parametrize("default", [RECORD, lambda identifier: RECORD | {"for": identifier}])
    def test_all_others_get_the_default(self, fake: FakeManager, default: Any) -> None:
        request = fake.enqueue("domains", ["a.com", "B.com"])
        fake.settle({"a.com": NOT_FOUND}, default=default)
        [_, second] = request.results()
        assert second.record in (RECORD, RECORD | {"for": "b.com"})

    def test_an_identifier_that_nothing_waits_for_is_a_mistake(self, fake: FakeManager) -> None:
        fake.enqueue("domains", ["stripe.com"])
        with pytest.raises(ValueError, match=r"waits for 'strpe\.com'; what waits: stripe\.com"):
            fake.settle({"strpe.com": RECORD})
        with pytest.raises(ValueError, match="what waits"):
            fake.fail("strpe.com")
        assert fake.waiting == ["stripe.com"]

    @pytest.mark.parametrize("answer", ["found", 7, Outcome.FULFILLED, [("a", 1)], None])
    def test_what_is_no_answer_is_refused(self, fake: FakeManager, answer: Any) -> None:
        request = fake.enqueue("domains", ["a.com"])
        with pytest.raises(TypeError, match="is no answer; give the record"):
            fake.settle({"a.com": answer})
        assert request.progress().waiting == 1

    def test_a_record_is_kept_as_it_was(self, fake: FakeManager) -> None:
        record: dict[str, Any] = {"names": ["a"]}
        request = fake.enqueue("domains", ["a.com"])
        fake.settle({"a.com": record})
        record["names"].append("b")
        [first] = request.results()
        assert first.record == {"names": ["a"]}
        first.record["names"].clear()
        assert next(request.results()).record == {"names": ["a"]}

    def test_all_that_waits_can_fail(self, fake: FakeManager) -> None:
        request = fake.enqueue("domains", ["a.com", "b.com"])
        fake.fail("a.com", reason="no luck")
        fake.fail()
        assert [it.outcome for it in request.results()] == ["failed", "failed"]
        assert next(request.results()).reason == "no luck"


class TestAnswersInAdvance:
    def test_who_waits_gets_them(self) -> None:
        fake = FakeManager(answers={"a.com": RECORD}, default=NOT_FOUND)
        request = fake.enqueue("domains", ["a.com", "b.com"])
        assert request.progress().waiting == 2, "nobody has waited yet"
        end = request.wait()
        assert (end.fulfilled, end.not_found) == (1, 1)

    def test_they_can_be_changed(self, fake: FakeManager) -> None:
        fake.answers["a.com"] = NOT_FOUND
        request = fake.enqueue("domains", ["a.com", "b.com"])
        with pytest.raises(WaitTimeoutError):
            request.wait(timeout=0.01)
        fake.default = RECORD
        assert request.wait().fulfilled == 1

    def test_none_is_needed_where_another_thread_settles(self, fake: FakeManager) -> None:
        request = fake.enqueue("domains", ["a.com"])
        timer = threading.Timer(0.05, lambda: fake.settle(default=RECORD))
        timer.start()
        assert request.wait(timeout=60).fulfilled == 1
        timer.join()

    @pytest.mark.parametrize("timeout", [None, 3_600])
    def test_no_wait_outlasts_its_patience(self, timeout: float | None) -> None:
        fake = FakeManager(patience=0.05)
        request = fake.enqueue("domains", ["a.com"])
        began = time.monotonic()
        with pytest.raises(WaitTimeoutError, match=r"nobody has settled a\.com\. Give it"):
            request.wait(timeout=timeout)
        assert time.monotonic() - began < 5

    def test_asyncio_does_not_stand_still_meanwhile(self, fake: FakeManager) -> None:
        async def story() -> int:
            request = await FakeAsyncManager(fake).enqueue("domains", ["a.com"])
            waiter = asyncio.create_task(request.wait(timeout=60))
            await asyncio.sleep(0)
            fake.settle(default=RECORD)
            return (await waiter).fulfilled

        assert asyncio.run(story()) == 1


class TestWhatItIsAsked:
    def test_each_accepted_call_is_there_as_it_was_made(self, fake: FakeManager) -> None:
        session = object()
        made = fake.enqueue(
            "domains",
            ["B.com", "not a domain", "a.com"],
            fields=["revenue", "headcount"],
            priority=3,
            max_age=60,
            idempotency_key="k",
            metadata={"a": 1},
            on_invalid="skip",
            connection=session,  # type: ignore[arg-type]
        )
        fake.enqueue("domains", ["B.com", "a.com"], idempotency_key="other")
        [seen, _] = fake.calls
        assert (seen.id, seen.identifiers) == (made.id, ("B.com", "a.com"))
        assert (seen.fields, seen.priority) == (("headcount", "revenue"), 3)
        assert (seen.max_age, seen.idempotency_key) == (timedelta(seconds=60), "k")
        assert (seen.metadata, seen.account) == ({"a": 1}, "default")
        assert seen.connection is session

    def test_identifiers_by_type_endpoint_and_account(self) -> None:
        fake = FakeManager(accounts=["default", "crm"])
        fake.enqueue("domains", ["a.com", "a.com"])
        fake.enqueue("domains", ["b.com"], account="crm")
        fake.enqueue("names", ["C"])
        assert fake.enqueued("domains") == ["a.com", "a.com", "b.com"]
        assert fake.enqueued("domains", account="crm") == ["b.com"]
        assert fake.enqueued("domains", endpoint="person/enrich") == []
        with pytest.raises(ConfigurationError, match="it has: crm, default"):
            fake.enqueue("domains", ["a.com"], account="sales")

    def test_an_earlier_request_found_by_its_key_is_no_new_one(self, fake: FakeManager) -> None:
        for _ in range(2):
            fake.enqueue("domains", ["a.com"], idempotency_key="k")
        assert len(fake.calls) == 1


class TestTransactions:
    def test_what_a_connection_has_enqueued_is_there_at_once(self, fake: FakeManager) -> None:
        request = fake.enqueue("domains", ["a.com"], connection=object())  # type: ignore[arg-type]
        assert fake.request(request.id).total == 1

    def test_it_can_be_rolled_back(self, fake: FakeManager) -> None:
        mine, other = object(), object()
        taken_back = fake.enqueue("domains", ["a.com", "b.com"], connection=mine)  # type: ignore[arg-type]
        kept = fake.enqueue("domains", ["b.com"], connection=other)  # type: ignore[arg-type]
        fake.roll_back(mine)
        with pytest.raises(NotFoundError):
            fake.request(taken_back.id)
        assert [it.id for it in fake.calls] == [kept.id]
        assert fake.waiting == ["b.com"]


class TestTrouble:
    def test_the_next_call_raises_what_it_is_told(self, fake: FakeManager) -> None:
        fake.fail_next(UnavailableError("Postgres is away"))
        with pytest.raises(UnavailableError, match="is away"):
            fake.enqueue("domains", ["a.com"])
        assert fake.calls == []
        request = fake.enqueue("domains", ["a.com"])
        for call in (
            request.progress,
            request.cancel,
            request.wait,
            lambda: list(request.results()),
        ):
            fake.fail_next(UnavailableError("Postgres is away"))
            with pytest.raises(UnavailableError):
                call()
        assert request.progress().waiting == 1

    def test_it_reads_nothing_of_the_surroundings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENRICHD_ACCOUNT", "production")
        monkeypatch.setenv("ENRICHD_CONFIG", "/nowhere.toml")
        fake = FakeManager()
        assert fake.enqueue("domains", ["a.com"]).progress().account == "default"

    def test_it_takes_settings(self) -> None:
        fake = FakeManager(given_settings(account="crm", max_age=60.0))
        fake.enqueue("domains", ["a.com"])
        fake.settle(default=RECORD)
        fake.advance(61)
        assert fake.enqueue("domains", ["a.com"]).progress().waiting == 1
        assert [it.account for it in fake.calls] == ["crm", "crm"]


def test_many_threads_at_once(fake: FakeManager) -> None:
    def work(number: int) -> None:
        for turn in range(30):
            name = f"company-{turn}.example"
            request = fake.enqueue("domains", [name, f"own-{number}-{turn}.example"])
            if turn % 3 == 0:
                request.cancel()
            else:
                request.wait(timeout=60)
            assert request.progress().finished
            fake.enqueue("domains", [name], idempotency_key=f"{turn}")

    fake.default = RECORD
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.calls) == 8 * 30 + 30
    fake.settle()
    assert fake.waiting == []
