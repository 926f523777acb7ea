"""Enqueue: all or nothing, joined, fresh, in the caller's own transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlmodel import Session

from manager import (
    AsyncManager,
    ConfigurationError,
    ConflictError,
    InvalidIdentifiersError,
    InvalidRequestError,
    Manager,
    NotFoundError,
    Outcome,
    Settings,
    UnavailableError,
    WaitTimeoutError,
)

pytestmark = pytest.mark.integration


def one(connection: psycopg.Connection[Any], query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def count(settings: Settings, table: str) -> int:
    with psycopg.connect(settings.postgres) as connection:
        query = f"SELECT count(*) FROM {settings.database_schema}.{table}"
        return one(connection, query)


@pytest.fixture
def manager(settings: Settings) -> Manager:
    return Manager(settings)


def test_a_request_keeps_what_the_caller_wrote_in_order_repeats_included(manager: Manager) -> None:
    written = ["Stripe.com", "https://www.openai.com/", "stripe.com", "Stripe.com"]
    request = manager.enqueue("domains", written, metadata={"list": "crm"})
    assert [result.identifier for result in request.results()] == written
    assert {result.outcome for result in request.results()} == {None}
    progress = request.progress()
    assert (progress.total, progress.waiting, progress.finished) == (4, 4, False)
    assert progress.metadata == {"list": "crm"}


def test_spellings_of_one_identifier_are_one_enrichment(
    manager: Manager, settings: Settings
) -> None:
    manager.enqueue("domains", ["Stripe.com", "stripe.com"])
    manager.enqueue("domains", ["www.stripe.com"])
    manager.enqueue("domains", ["stripe.com"], fields=["headcount.total"])  # another lane
    assert count(settings, "enrichment") == 2
    assert count(settings, "request_item") == 4


def test_every_bad_identifier_is_named_and_nothing_is_enqueued(
    manager: Manager, settings: Settings
) -> None:
    values: list[Any] = ["ok.com", "not a domain", "fine.org", "", 7]
    with pytest.raises(InvalidIdentifiersError) as refusal:
        manager.enqueue("domains", values)
    assert [bad.position for bad in refusal.value.invalid] == [1, 3, 4]
    assert [bad.value for bad in refusal.value.invalid] == ["not a domain", "", 7]
    assert "3 of the domains cannot be looked up; nothing was enqueued" in str(refusal.value)
    assert count(settings, "request") == count(settings, "enrichment") == 0


def test_bad_identifiers_can_be_skipped(manager: Manager) -> None:
    request = manager.enqueue("domains", ["a", "ok.com", "b"], on_invalid="skip")
    assert [bad.position for bad in request.invalid] == [0, 2]
    assert [(r.position, r.identifier) for r in request.results()] == [(1, "ok.com")]


def test_a_request_of_nothing_is_finished(manager: Manager) -> None:
    assert manager.enqueue("domains", []).wait(timeout=5).total == 0


def test_an_idempotency_key_returns_the_first_request(manager: Manager) -> None:
    first = manager.enqueue("domains", ["a.com", "b.com"], idempotency_key="k")
    again = manager.enqueue("domains", ["a.com", "b.com"], idempotency_key="k")
    assert (again.id, again.total, again.created) == (first.id, 2, False)
    with pytest.raises(ConflictError, match=f"'k' belongs to request {first.id}"):
        manager.enqueue("domains", ["a.com"], idempotency_key="k")


def test_racing_calls_with_one_idempotency_key_make_one_request(manager: Manager) -> None:
    made = []
    threads = [
        threading.Thread(
            target=lambda: made.append(
                manager.enqueue("domains", ["a.com", "b.com"], idempotency_key="race")
            )
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len({request.id for request in made}) == 1
    assert sum(request.created for request in made) == 1


def test_a_higher_priority_is_taken_over_and_a_lower_one_is_not(
    manager: Manager, settings: Settings
) -> None:
    def priority() -> int:
        with psycopg.connect(settings.postgres) as connection:
            query = f"SELECT priority FROM {settings.database_schema}.enrichment"
            return one(connection, query)

    manager.enqueue("domains", ["a.com"], priority=1)
    manager.enqueue("domains", ["a.com"], priority=9)
    assert priority() == 9
    manager.enqueue("domains", ["a.com"], priority=-5)
    assert priority() == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"identifier_type": "emails"}, "'emails' is not one of domains, names"),
        ({"identifiers": "a.com"}, "not str"),
        ({"identifiers": 5}, "not int"),
        ({"fields": "a.b"}, "must be a list"),
        ({"fields": ["a b"]}, "'a b' is not a dotted path"),
        ({"fields": ["a,b"]}, "'a,b' is not a dotted path"),
        ({"priority": 101}, "101 is not an integer from -100 to 100"),
        ({"priority": True}, "True is not"),
        ({"max_age": -1}, "max_age: -1 s is not between 0 and 36,500 days."),
        ({"max_age": True}, "True is not a time span"),
        ({"max_age": "x" * 5_000}, "… (5,002 characters) is not a time span"),
        ({"endpoint": []}, "endpoint: [] is not one of company/enrich"),
        ({"account": 5}, "account: 5 is not the name of an account"),
        ({"account": "\ud800"}, "is not the name of an account"),
        ({"max_age": float("nan")}, "nan is not a time span"),
        ({"max_age": "1 day"}, "'1 day' is not a time span"),
        ({"idempotency_key": ""}, "'' is not a string of 1 to 255"),
        ({"idempotency_key": "k" * 256}, "1 to 255"),
        ({"idempotency_key": "k" * 5_000}, "… (5,002 characters) is not a string"),
        ({"metadata": 5}, "metadata: 5 is not a mapping"),
        ({"metadata": {"a": object()}}, "cannot be written as JSON"),
        ({"metadata": {"a": float("inf")}}, "cannot be written as JSON"),
        ({"metadata": {"a": "\0"}}, "U+0000"),
        ({"metadata": {"a": "\ud800"}}, "cannot be written as JSON"),
        ({"on_invalid": "ignore"}, "'ignore' is neither"),
        ({"connection": object()}, "builtins.object is not supported"),
    ],
)
def test_a_bad_argument_is_named_and_nothing_is_enqueued(
    manager: Manager, settings: Settings, arguments: dict[str, Any], message: str
) -> None:
    call: dict[str, Any] = {"identifier_type": "domains", "identifiers": ["a.com"]} | arguments
    with pytest.raises(InvalidRequestError) as refusal:
        manager.enqueue(**call)
    assert message in str(refusal.value)
    assert len(str(refusal.value)) < 400
    assert count(settings, "request") == 0


@pytest.mark.parametrize("timeout", ["5", True, float("nan"), -1, 10**400, [], "x" * 5_000])
def test_what_is_no_number_of_seconds_is_no_timeout(manager: Manager, timeout: Any) -> None:
    request = manager.enqueue("domains", ["a.com"])
    with pytest.raises(InvalidRequestError, match="is not a number of seconds, from 0 on") as error:
        request.wait(timeout)
    assert len(str(error.value)) < 200


def test_what_are_no_settings_is_said_without_what_may_be_secret() -> None:
    mistaken: Any = "postgresql://me:secret@host/db"
    with pytest.raises(InvalidRequestError, match=r"of type str\. Pass a Settings") as error:
        Manager(mistaken)
    assert "secret" not in str(error.value)


def test_metadata_may_hold_a_written_out_escape(manager: Manager) -> None:
    metadata = {"a": "\\u0000", "emoji": "😀", "nested": [{"b": None}]}
    assert manager.enqueue("domains", ["a.com"], metadata=metadata).progress().metadata == metadata


class TestInTheCallersTransaction:
    @pytest.fixture
    def plain(self, settings: Settings) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(settings.postgres) as connection:
            yield connection

    def test_nothing_is_requested_unless_it_commits(
        self, manager: Manager, settings: Settings, plain: psycopg.Connection[Any]
    ) -> None:
        request = manager.enqueue("domains", ["a.com"], connection=plain)
        assert count(settings, "request") == 0
        plain.rollback()
        with pytest.raises(NotFoundError):
            manager.request(request.id)
        request = manager.enqueue("domains", ["a.com"], connection=plain)
        plain.commit()
        assert manager.request(request.id).total == 1

    def test_a_refused_call_leaves_the_transaction_usable(
        self, manager: Manager, plain: psycopg.Connection[Any]
    ) -> None:
        plain.execute("CREATE TEMPORARY TABLE mine AS SELECT 1 AS value")
        with pytest.raises(InvalidIdentifiersError):
            manager.enqueue("domains", ["bad"], connection=plain)
        first = manager.enqueue("domains", ["a.com"], connection=plain)
        second = manager.enqueue("names", ["A"], connection=plain)
        assert plain.execute("SELECT value FROM mine").fetchone() == (1,)
        assert plain.execute("SHOW search_path").fetchone() == ('"$user", public',)
        plain.commit()
        assert [manager.request(r.id).total for r in (first, second)] == [1, 1]

    def test_an_autocommit_connection_commits_at_once(
        self, manager: Manager, settings: Settings
    ) -> None:
        with psycopg.connect(settings.postgres, autocommit=True) as connection:
            request = manager.enqueue("domains", ["a.com"], connection=connection)
            assert manager.request(request.id).total == 1
            with connection.transaction():
                manager.enqueue("domains", ["b.com"], connection=connection)
                assert count(settings, "request") == 1
        assert count(settings, "request") == 2

    def test_a_failed_transaction_is_refused(
        self, manager: Manager, plain: psycopg.Connection[Any]
    ) -> None:
        with pytest.raises(psycopg.Error):
            plain.execute("SELECT nonsense")
        with pytest.raises(InvalidRequestError, match="roll it back"):
            manager.enqueue("domains", ["a.com"], connection=plain)

    def test_in_a_sqlmodel_session_and_an_sqlalchemy_connection(
        self, manager: Manager, settings: Settings
    ) -> None:
        engine = create_engine(settings.postgres.replace("postgresql:", "postgresql+psycopg:", 1))
        with Session(engine) as session:
            session.connection().execute(text("SELECT 1"))
            request = manager.enqueue("domains", ["a.com"], connection=session)
            assert count(settings, "request") == 0
            session.commit()
        with engine.begin() as connection:
            manager.enqueue("domains", ["b.com"], connection=connection)
        assert manager.request(request.id).total == 1
        assert count(settings, "request") == 2
        engine.dispose()

    def test_a_lost_wakeup_is_no_lost_request_since_redis_is_never_asked(
        self, settings: Settings
    ) -> None:
        nowhere = settings.model_copy(update={"redis_url": None})
        assert Manager(nowhere).enqueue("domains", ["a.com"]).progress().total == 1


class TestAsync:
    def test_the_whole_api(self, settings: Settings) -> None:
        async def story() -> None:
            manager = AsyncManager(settings)
            request = await manager.enqueue("crustdata_company_ids", [1, 2, "3"])
            with pytest.raises(WaitTimeoutError, match="0 of 3 identifiers are settled"):
                await request.wait(timeout=0.1)
            assert [r.identifier async for r in request.results()] == ["1", "2", "3"]
            assert (await request.cancel()).cancelled == 3
            assert (await request.wait(timeout=1)).finished
            assert (await (await manager.request(request.id)).progress()).cancelled == 3
            with pytest.raises(InvalidIdentifiersError):
                await manager.enqueue("crustdata_company_ids", [0])

        asyncio.run(story())

    def test_in_the_callers_transaction(self, settings: Settings) -> None:
        async def story() -> None:
            manager = AsyncManager(settings)
            connection = await psycopg.AsyncConnection.connect(settings.postgres)
            async with connection:
                await manager.enqueue("domains", ["a.com"], connection=connection)
                await connection.rollback()
                await manager.enqueue("domains", ["b.com"], connection=connection)
                await connection.commit()
            url = settings.postgres.replace("postgresql:", "postgresql+psycopg:", 1)
            engine = create_async_engine(url)
            async with AsyncSession(engine) as session:
                await manager.enqueue("domains", ["c.com"], connection=session)
                await session.commit()
            async with engine.begin() as sqlalchemy:
                await manager.enqueue("domains", ["d.com"], connection=sqlalchemy)
            await engine.dispose()

        asyncio.run(story())
        assert count(settings, "request") == 3


class TestCancel:
    def test_what_another_request_wants_is_still_bought(
        self, manager: Manager, settings: Settings
    ) -> None:
        mine = manager.enqueue("domains", ["a.com", "b.com"])
        other = manager.enqueue("domains", ["b.com", "c.com"])
        assert mine.cancel().cancelled == 2
        assert [r.outcome for r in mine.results()] == [Outcome.CANCELLED] * 2
        assert other.progress().waiting == 2
        with psycopg.connect(settings.postgres) as connection:
            query = f"SELECT key, state FROM {settings.database_schema}.enrichment ORDER BY key"
            states: dict[str, str] = dict(connection.execute(query).fetchall())
        assert states == {"a.com": "cancelled", "b.com": "pending", "c.com": "pending"}

    def test_it_is_repeatable_and_what_was_cancelled_can_be_enqueued_again(
        self, manager: Manager
    ) -> None:
        request = manager.enqueue("domains", ["a.com"])
        assert request.cancel() == request.cancel()
        again = manager.enqueue("domains", ["a.com"])
        assert again.progress().waiting == 1
        assert request.progress().cancelled == 1


class TestErrors:
    def test_an_unreachable_database_is_named_without_its_password(self) -> None:
        manager = Manager(database_url="postgresql://me:hunter2@127.0.0.1:1/nowhere")
        with pytest.raises(UnavailableError) as error:
            manager.enqueue("domains", ["a.com"])
        assert "127.0.0.1:1/nowhere" in str(error.value)
        assert "hunter2" not in str(error.value)

    def test_no_database_is_said_at_once(self) -> None:
        with pytest.raises(ConfigurationError, match="ENRICHD_DATABASE_URL"):
            Manager()

    def test_an_unknown_account_is_said(self, settings: Settings) -> None:
        manager = Manager(settings.model_copy(update={"account": "other"}))
        with pytest.raises(ConfigurationError, match="no account named 'other'"):
            manager.enqueue("domains", ["a.com"])

    @pytest.mark.parametrize("request_id", ["nonsense", "", "0" * 32])
    def test_an_unknown_request_is_said(self, manager: Manager, request_id: str) -> None:
        with pytest.raises(NotFoundError, match="There is no request"):
            manager.request(request_id)

    def test_max_age_takes_seconds_and_spans(self, manager: Manager) -> None:
        for max_age in (0, 1.5, timedelta(days=1)):
            assert manager.enqueue("domains", ["a.com"], max_age=max_age).total == 1
