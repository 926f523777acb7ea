"""The audit: who did what, when, why and to what; in the transaction that has done it, or not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from manager import InvalidRequestError, NotFoundError
from manager.faultpoint import FaultPointError
from manager.operator.acknowledge import acknowledged
from manager.operator.actions import ACTIONS, Actor, ChosenAccount, perform
from manager.operator.audit import done_to, last
from manager.operator.chosen import KINDS, choose
from tests.operator.actions.acting import act, failed, fulfilled
from tests.steps.driver import Driver, armed, domains

pytestmark = pytest.mark.integration


def test_an_action_is_found_at_each_object_that_it_has_touched(driver: Driver) -> None:
    request = failed(driver, 2, metadata={"batch": 7})
    [job_id] = [it.id for it in driver.rows("SELECT id FROM job")]
    ids = [it.id for it in driver.rows("SELECT id FROM enrichment ORDER BY id")]
    act(driver, "job.retry", {"metadata.batch": "7"})
    with driver.context.ledger.connect() as connection:
        objects = [("job", job_id), ("request", request.id), *(("enrichment", it) for it in ids)]
        for kind, it in objects:
            found = done_to(connection, kind, it)[0]
            assert (found.who, found.via, found.why) == ("ada", "cli", "a test")
            assert (found.action, found.filter) == ("job.retry", "metadata.batch=7")
            assert found.counts == {"jobs": 1, "identifiers": 2, "records": 2, "requests": 1}
        assert done_to(connection, "job", UUID(int=0)) == []


def test_what_is_not_done_is_not_recorded(driver: Driver) -> None:
    failed(driver, 2)
    with armed("before action.commit"), pytest.raises(FaultPointError):
        act(driver, "request.retry")
    act(driver, "request.retry", {"open": "1"})  # there is none
    with driver.context.ledger.connect() as connection:
        assert last(connection) == []
    assert driver.states() == {"failed": 2}


def test_the_last_are_listed_first_and_by_pages(driver: Driver) -> None:
    for reason in ("one", "two", "three"):
        act(driver, "account.pause", {"account": "test"}, reason=reason)
    with driver.context.ledger.connect() as connection:
        page = last(connection, limit=2)
        rest = last(connection, before=page[-1].id)
    told = [it.arguments["reason"] for it in (*page, *rest)]
    assert told == ["three", "two", "one"]


def test_accounts_and_endpoints_are_paused_and_resumed_as_actions(driver: Driver) -> None:
    act(driver, "account.pause", {"account": "test"}, reason="holidays")
    assert driver.paused() == "holidays"
    act(driver, "account.resume", {"account": "test"})
    assert driver.paused() is None
    act(driver, "account.pause", {"account": "test"}, endpoint="person/enrich", reason="dear")
    assert driver.rows("SELECT endpoint, reason FROM endpoint_pause") == [("person/enrich", "dear")]
    with driver.context.ledger.connect() as connection:
        assert len(done_to(connection, "account", "test")) == 3
    with pytest.raises(NotFoundError, match="There is no account 'none'"):
        act(driver, "account.pause", {"account": "none"})


def test_what_failed_is_acknowledged_as_an_action(driver: Driver) -> None:
    assert acknowledged(driver.context, driver.account.id) is None
    act(driver, "account.acknowledge", {"account": "test"})
    assert acknowledged(driver.context, driver.account.id) is not None
    with driver.context.ledger.connect() as connection:
        assert [(it.action, it.why) for it in last(connection)] == [
            ("account.acknowledge", "a test")
        ]


def test_whom_was_forgotten_is_in_no_record(driver: Driver) -> None:
    fulfilled(driver, 2)
    [name, other] = domains(2)
    act(driver, "enrichment.refresh", {"identifier": name}, older_than="0s")
    act(driver, "enrichment.refresh", {"identifier": other}, older_than="0s")
    act(driver, "account.pause", {"account": "test"}, reason=f"{name} has complained")
    act(driver, "enrichment.forget", {"identifier": name})
    told = driver.rows("SELECT concat(filter, arguments, counts, why) AS told FROM operator_action")
    assert not [it.told for it in told if name in it.told]
    assert sum(other in it.told for it in told) == 1


def test_a_line_that_is_none_is_refused(driver: Driver) -> None:
    for who, why in (("", None), ("a\nb", None), ("ada", "x" * 501)):
        with pytest.raises(InvalidRequestError):
            Actor(who, "cli", why)


def test_an_action_of_another_kind_or_of_no_name_is_refused(driver: Driver) -> None:
    actor = Actor("ada", "cli")
    wrong: Any = ChosenAccount("test")
    with pytest.raises(InvalidRequestError, match=r"job.retry is done to a job, not to a account"):
        perform(driver.context, "job.retry", wrong, {}, actor)
    with pytest.raises(InvalidRequestError, match=r"There is no action 'job.eat'"):
        perform(driver.context, "job.eat", choose("job", {}), {}, actor)


def test_every_action_is_of_a_kind_that_can_be_chosen() -> None:
    assert {it.kind for it in ACTIONS.values()} <= {*KINDS, "account", "target", "notice"}
    assert all(name == it.name for name, it in ACTIONS.items())
