"""Notices are written by whatever makes them true, in its transaction, and by nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from manager import Settings
from manager.ledger.connect import Ledger
from manager.steps.notices import note
from manager.steps.pause import pause_for
from tests.steps.driver import Driver, domains
from tests.steps.tell.conftest import Telling
from tests.steps.tell.receiver import Receiver, answer

pytestmark = pytest.mark.integration

PG = "pg:app"


def told(telling: Telling) -> list[tuple[str, int]]:
    """Events and how many identifiers had an outcome, in order."""
    return [(it.event, it.payload["settled"]) for it in telling.notices]


@pytest.fixture
def silent(settings: Settings) -> Any:
    """An account that has no targets."""
    made = Telling(settings)
    yield made
    made.close()


class TestRequests:
    def test_each_tenth_and_the_end_are_told_and_a_later_one_makes_an_earlier_one_old(
        self, silent: Telling
    ) -> None:
        request = silent.manager.enqueue("domains", domains(40), notify=PG)
        silent.settle(request.id, 3)
        assert told(silent) == []
        silent.settle(request.id, 1)
        silent.settle(request.id, 3)
        assert told(silent) == [("request.progress", 4)]
        silent.settle(request.id, 13)
        assert silent.states == ["superseded", "waiting"]
        silent.settle(request.id, 20)
        assert told(silent) == [
            ("request.progress", 4),
            ("request.progress", 20),
            ("request.finished", 40),
        ]
        assert silent.states == ["superseded", "superseded", "waiting"]

    def test_what_is_told_are_ids_counters_and_times_and_no_record_or_identifier(
        self, silent: Telling
    ) -> None:
        request = silent.manager.enqueue(
            "domains", domains(2), notify=PG, idempotency_key="order-7", metadata={"key": "hush"}
        )
        silent.settle(request.id, 2)
        [notice] = silent.notices
        assert notice.request_id == request.id
        now = request.progress()
        assert now.finished_at is not None
        assert notice.payload == {
            "request_id": str(request.id),
            "account": "test",
            "endpoint": "company/enrich",
            "identifier_type": "domains",
            "idempotency_key": "order-7",
            "total": 2,
            "fulfilled": 2,
            "not_found": 0,
            "failed": 0,
            "cancelled": 0,
            "settled": 2,
            "created_at": notice.payload["created_at"],
            "finished_at": notice.payload["finished_at"],
            "cancelled_at": None,
        }

    def test_a_request_that_is_finished_when_it_is_enqueued_is_told_at_once(
        self, silent: Telling
    ) -> None:
        silent.manager.enqueue("domains", [], notify=PG)
        assert told(silent) == [("request.finished", 0)]

    def test_so_is_one_that_is_cancelled(self, silent: Telling) -> None:
        silent.manager.enqueue("domains", domains(5), notify=PG).cancel()
        assert told(silent) == [("request.finished", 5)]

    def test_only_what_is_wanted_is_told(self, silent: Telling) -> None:
        request = silent.manager.enqueue(
            "domains", domains(10), notify=PG, notify_events=["request.finished"]
        )
        silent.settle(request.id, 5)
        silent.settle(request.id, 5)
        assert told(silent) == [("request.finished", 10)]

    def test_several_targets_are_told_each_and_the_accounts_besides(self, telling: Telling) -> None:
        request = telling.manager.enqueue("domains", domains(1), notify=[PG, "pg:other", PG])
        telling.settle(request.id, 1)
        assert len(telling.notices) == 3
        assert len({it.target_id for it in telling.notices}) == 3

    def test_a_request_without_targets_writes_nothing(self, silent: Telling) -> None:
        request = silent.manager.enqueue("domains", domains(10))
        silent.settle(request.id, 10)
        assert silent.notices == []

    def test_nothing_is_told_of_a_transaction_that_was_rolled_back(
        self, silent: Telling, settings: Settings
    ) -> None:
        with (
            Ledger(settings, "caller").connect() as connection,
            connection.transaction(force_rollback=True),
        ):
            silent.manager.enqueue("domains", [], notify=PG, connection=connection)
        assert silent.notices == []
        assert silent.rows("SELECT FROM target") == []

    def test_what_changes_after_its_end_is_told_as_its_end_again(self, silent: Telling) -> None:
        request = silent.manager.enqueue("domains", domains(10), notify=PG)
        silent.settle(request.id, 10)
        silent.execute("UPDATE request SET fulfilled = 9, failed = 1")
        silent.execute("UPDATE request SET fulfilled = 10, failed = 0")  # as merging again does
        assert told(silent) == [("request.finished", 10)] * 3

    def test_a_merge_tells_of_all_its_requests_in_one_statement(self, driver: Driver) -> None:
        requests = [driver.enqueue(2, first=2 * it, notify=PG) for it in range(20)]
        driver.settle()
        found = driver.rows("SELECT request_id, event FROM notice ORDER BY position")
        assert {it.request_id for it in found} == {it.id for it in requests}
        assert {it.event for it in found} == {"request.finished"}
        assert [it.state for it in driver.rows("SELECT state FROM notice")] == ["told"] * 20


class TestAccounts:
    def test_a_pause_is_told_whoever_pauses_it_and_once(self, telling: Telling) -> None:
        with Ledger(telling.context.settings, "test").connect() as connection:
            for _ in range(2):
                pause_for(connection, telling.account.id, "no_credits", "402: buy more")
        [notice] = telling.notices
        assert notice.event == "account.paused"
        assert notice.payload["paused_for"] == "no_credits"
        assert notice.payload["reason"] == "402: buy more"
        assert notice.payload["endpoint"] is None

    def test_so_is_the_pause_of_an_endpoint(self, telling: Telling) -> None:
        telling.execute(
            "INSERT INTO endpoint_pause (account_id, endpoint, reason) "
            "VALUES (%(id)s, 'person/enrich', 'no')",
            id=telling.account.id,
        )
        [notice] = telling.notices
        assert (notice.event, notice.payload["endpoint"]) == ("account.paused", "person/enrich")

    def test_a_target_of_the_settings_comes_and_goes_with_them(
        self, telling: Telling, settings: Settings, receiver: Receiver
    ) -> None:
        assert telling.note() == 1
        other = Telling(settings.model_copy(update={"notify": [PG, "pg:two"]}))
        other.tell()
        assert telling.note() == 2
        nobody = Telling(settings)
        nobody.tell()
        assert telling.note() == 0
        assert telling.rows("SELECT targets FROM account")[0].targets is None
        other.close()
        nobody.close()

    def test_what_is_found_again_and_again_is_told_once(self, telling: Telling) -> None:
        assert telling.note(once="over") == 1
        assert telling.note(once="over") == 0
        assert telling.note(once="over again") == 1

    def test_events_that_are_not_wanted_are_not_written(
        self, settings: Settings, told: dict[str, Any]
    ) -> None:
        wanted = {"notify": [PG], "notify_events": ["account.paused"]}
        made = Telling(settings.model_copy(update=told | wanted))
        made.tell()
        assert made.note() == 0
        made.close()


class TestJobsThatNeedAnOperator:
    @pytest.fixture
    def watched(self, driver: Driver) -> Driver:
        """A driver whose account has a target."""
        return driver.another(notify=[PG])

    def told_of(self, driver: Driver) -> list[tuple[str, str]]:
        driver.run(driver.wake("tell"))
        driver.run(driver.wake("tell"))
        found = driver.rows(
            "SELECT payload FROM notice WHERE event = 'job.needs_operator' ORDER BY position"
        )
        return [(it.payload["job_id"], it.payload["needs"]) for it in found]

    def test_one_that_is_overdue(self, watched: Driver) -> None:
        job_id = watched.accepted(3)
        assert self.told_of(watched) == []
        watched.look_now()
        watched.age(job_id, 86_400)
        assert self.told_of(watched) == [(str(job_id), "give-up")]

    def test_one_that_stays_unresolved(self, watched: Driver) -> None:
        job_id = watched.unresolved(3, "reset_after")
        assert self.told_of(watched) == []
        watched.hasten(86_400)
        assert self.told_of(watched) == [(str(job_id), "resolve")]

    def test_one_whose_results_are_too_large(self, watched: Driver) -> None:
        self.told_of(watched)
        small = watched.another(merge_max_bytes=2**20, merge_max_line=1024)
        job_id = watched.completed(3)
        small.context.settings.__dict__["merge_max_bytes"] = 10
        small.merge(job_id)
        assert watched.job(job_id).state == "failed"
        found = watched.rows("SELECT payload FROM notice WHERE event = 'job.needs_operator'")
        assert [it.payload["needs"] for it in found] == ["merge"], "in the same transaction"
        assert self.told_of(watched) == [(str(job_id), "merge")]


def test_a_role_that_may_not_write_notices_makes_them_all_the_same(
    telling: Telling, settings: Settings
) -> None:
    """A caller of the release before has no right on what is new."""
    request = telling.manager.enqueue("domains", domains(1))
    with psycopg.connect(settings.postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS old_caller")
        connection.execute("CREATE ROLE old_caller")
        connection.execute("GRANT USAGE ON SCHEMA test TO old_caller")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON test.request TO old_caller")
        try:
            connection.execute("SET ROLE old_caller")
            connection.execute("SET search_path TO test")
            connection.execute(
                "UPDATE request SET cancelled = 1, finished_at = now(), cancelled_at = now()"
            )
        finally:
            connection.execute("RESET ROLE")
            connection.execute("DROP OWNED BY old_caller")
            connection.execute("DROP ROLE old_caller")
    [notice] = telling.notices
    assert notice.request_id == request.id


def test_a_step_that_is_cut_off_before_it_commits_tells_nobody(
    telling: Telling, receiver: Receiver, settings: Settings
) -> None:
    with (
        Ledger(settings, "test").connect() as connection,
        connection.transaction(force_rollback=True),
    ):
        assert note(connection, "budget.reached", telling.account.id, None, {}) == 1
    receiver.always(answer(200))
    telling.tell()
    assert receiver.received == []
