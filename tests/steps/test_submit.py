"""Submit: a slot, a commit, the call, the answer; a definite no puts everything back."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from manager.semaphore import Holder, Owner
from tests.steps.driver import Driver, armed, closed_port
from tests.steps.webhooks import Webhooks

pytestmark = pytest.mark.integration


def assert_put_back(driver: Driver, job_id: UUID) -> None:
    """It is as if it had never been sent, and nothing holds its slot."""
    job = driver.job(job_id)
    assert (job.state, job.slot, job.batch_id) == ("packed", None, None)
    assert job_id not in driver.held()
    assert driver.sent() == []


def test_an_accepted_job_is_pending_under_the_vendors_batch_id(driver: Driver) -> None:
    job_id = driver.packed(3)
    [look] = driver.submit(job_id)
    assert (look.step, look.account, look.job_id) == ("look", driver.account.name, None)
    assert look.delay > 0, "no sooner than it may have ended"
    job, [sent] = driver.job(job_id), driver.sent()
    assert (job.state, job.batch_id, job.slot) == ("pending", sent["batch_id"], 1)
    assert (job.identifier_count, job.entities_requested) == (3, 3)
    assert driver.held() == {job_id}


@pytest.mark.parametrize(
    ("identifier_type", "written", "expected"),
    [
        (
            "domains",
            ["Stripe.com", "https://www.stripe.com/", "ABC.xyz"],
            ["abc.xyz", "stripe.com"],
        ),
        ("names", ["Acme, Inc.", " acme,  inc. ", "Zeta"], ["Acme, Inc.", "Zeta"]),
        ("crustdata_company_ids", [700, "7", 700], [7, 700]),
        (
            "professional_network_profile_urls",
            ["linkedin.com/company/a/", "https://www.linkedin.com/company/a"],
            ["https://linkedin.com/company/a"],
        ),
    ],
)
def test_each_identifier_is_sent_once_as_the_lanes_type_with_its_fields(
    driver: Driver, identifier_type: Any, written: list[Any], expected: list[Any]
) -> None:
    driver.manager.enqueue(
        identifier_type, written, fields=["headcount.total", "basic_info.name", "headcount.total"]
    )
    driver.run(driver.wake("pack"))
    [sent] = driver.sent()
    sent = driver.sandbox.job(sent["batch_id"])
    assert sent["identifier_type"] == identifier_type
    assert sorted(map(str, sent["identifiers"])) == sorted(map(str, expected))
    assert {type(value) for value in sent["identifiers"]} == {type(expected[0])}
    assert sent["fields"] == ["basic_info.name", "headcount.total"]
    assert sent["webhook_host"] is None


def test_the_webhooks_token_is_known_to_the_vendor_alone(
    driver: Driver, webhooks: Webhooks
) -> None:
    driver = driver.another(webhook_url=webhooks.url)
    first, second = driver.accepted(2), driver.accepted(3, first=10)
    driver.sandbox.advance(60)
    paths = {UUID(path.split("/")[2]): path for path in (webhooks.next(), webhooks.next())}
    tokens = {job_id: path.removeprefix(f"/webhooks/{job_id}/") for job_id, path in paths.items()}
    assert tokens.keys() == {first, second}
    assert all(len(token) >= 43 for token in tokens.values())  # 256 bits
    for job_id, token in tokens.items():
        assert driver.job(job_id).token_hash == hashlib.sha256(token.encode()).digest()
        for table in ("job", "job_event"):
            assert token not in driver.value(f"SELECT string_agg(t::text, '') FROM {table} t")


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (402, "no_credits")])
def test_what_only_an_operator_can_mend_pauses_the_account_with_the_reason(
    driver: Driver, status: int, kind: str
) -> None:
    driver.sandbox.fault("submit", "status", status=status)
    job_id = driver.packed(2)
    driver.submit(job_id)
    assert_put_back(driver, job_id)
    paused = driver.paused()
    assert paused is not None
    assert f"The vendor answered {status}" in paused
    assert driver.value("SELECT paused_for FROM account") == kind


def test_a_wrong_key_and_want_of_credits_are_what_the_vendor_says_they_are(driver: Driver) -> None:
    job_id = driver.packed(2)
    driver.another(vendor_api_key="wrong").submit(job_id)
    assert "The API key is missing or not valid" in (driver.paused() or "")
    driver.resume()
    driver.sandbox.set(credits=1)
    driver.submit(job_id)
    assert "insufficient_credits: Not enough credits for this job." in (driver.paused() or "")
    assert_put_back(driver, job_id)


def test_a_paused_account_submits_nothing_until_it_is_resumed(driver: Driver) -> None:
    job_id = driver.packed(2)
    driver.pause()
    driver.enqueue(2, first=10)
    assert driver.pack() == []
    driver.submit(job_id)
    assert driver.calls("submit") == 0
    assert_put_back(driver, job_id)
    driver.resume()
    driver.submit(job_id)
    assert driver.job(job_id).state == "pending"


def test_a_rate_limit_is_waited_out_as_long_as_the_vendor_says(driver: Driver) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}
    driver.sandbox.fault("submit", "status", status=429, headers=headers)
    job_id, other = driver.packed(2), driver.packed(3, first=10)
    assert driver.submit(job_id) == []
    assert_put_back(driver, job_id)
    assert 5 < driver.job(job_id).wait <= 7
    assert driver.job(job_id).failures == 0
    driver.submit(job_id)
    driver.submit(other)  # the limit is the account's, so this one need not ask
    assert driver.calls("submit") == 1
    assert 5 < driver.job(other).wait <= 7
    driver.hasten()
    driver.submit(job_id)
    assert driver.job(job_id).state == "pending"


def test_at_the_cap_the_jobs_of_others_are_learnt_and_waited_for(driver: Driver) -> None:
    for _ in range(5):
        driver.sandbox.foreign(identifier_count=2, seconds=30)
    job_id = driver.packed(2)
    assert driver.submit(job_id) == [driver.wake("look")]
    assert_put_back(driver, job_id)
    driver.look_now()
    assert driver.value("SELECT foreign_active FROM account") == 5
    driver.hasten()
    driver.submit(job_id)
    assert driver.calls("submit") == 1, "there is no slot, so nothing is asked"
    driver.sandbox.advance(30)
    driver.look_now()
    driver.submit(job_id)
    assert driver.job(job_id).state == "pending"


def test_a_429_that_says_nothing_has_the_list_asked(driver: Driver) -> None:
    driver.sandbox.fault("submit", "status", status=429, body="Too Many Requests")
    job_id = driver.packed(2)
    assert driver.submit(job_id) == [driver.wake("look")]
    assert_put_back(driver, job_id)


@pytest.mark.parametrize("status", [404, 405, 409])
def test_another_definite_no_is_tried_again_later_and_later(driver: Driver, status: int) -> None:
    driver.sandbox.fault("submit", "status", status=status, times=2)
    driver = driver.another(backoff_base=20.0, backoff_max=60.0)
    job_id = driver.packed(2)
    driver.submit(job_id)
    assert_put_back(driver, job_id)
    assert f"The vendor answered {status}" in driver.job(job_id).error
    assert 5 < driver.job(job_id).wait <= 20
    driver.hasten()
    driver.submit(job_id)
    assert driver.job(job_id).failures == 2
    assert 15 < driver.job(job_id).wait <= 40
    driver.hasten()
    driver.submit(job_id)
    assert (driver.job(job_id).state, driver.job(job_id).failures) == ("pending", 0)


def test_a_vendor_that_cannot_be_reached_has_not_got_the_job(driver: Driver) -> None:
    job_id = driver.packed(2)
    url = f"http://127.0.0.1:{closed_port()}"
    driver.another(vendor_url=url).submit(job_id)
    assert_put_back(driver, job_id)
    assert "could not be reached" in driver.job(job_id).error
    assert driver.job(job_id).failures == 1


def test_only_as_many_as_there_are_slots_are_submitted(driver: Driver) -> None:
    jobs = [driver.packed(size, first=100 * size) for size in range(1, 7)]
    for job_id in jobs:
        driver.submit(job_id)
    assert [driver.job(job_id).slot for job_id in jobs] == [1, 2, 3, 4, 5, None]
    assert driver.calls("submit") == 5


@pytest.mark.parametrize("granted", ["a slot that is taken", "a slot that there is not"])
def test_the_schema_refuses_a_sixth_job_even_if_redis_grants_it(
    driver: Driver, granted: str
) -> None:
    driver.sandbox.set(cap=50)
    held = [driver.accepted(size, first=100 * size) for size in range(1, 6)]
    sixth = driver.packed(6, first=600)
    redis, key = driver.context.redis, Owner(driver.context.ledger_id, driver.account.id).slots
    if granted == "a slot that is taken":
        redis.delete(key)
        redis.hset(key, "ready", 1)
    else:
        stranger = str(Holder(UUID(int=1), 1))
        redis.hset(key, mapping={"6": str(Holder(sixth, 1)), "1": stranger})
    assert driver.submit(sixth) == []
    assert driver.calls("submit") == 5
    assert {driver.job(job_id).state for job_id in held} == {"pending"}
    assert driver.job(sixth).state == "packed"
    assert sixth not in driver.held()


def test_without_redis_nothing_is_submitted_and_nothing_is_lost(driver: Driver) -> None:
    job_id = driver.packed(2)
    url = f"redis://127.0.0.1:{closed_port()}"
    driver.another(redis_url=url).submit(job_id)
    assert_put_back(driver, job_id)
    driver.submit(job_id)
    assert driver.job(job_id).state == "pending"


def test_a_worker_that_was_stopped_for_too_long_does_not_send(driver: Driver) -> None:
    job_id = driver.packed(2)
    with armed("after attempt.begin", "hang 0.2"):
        driver.another(submit_deadline=0.1).submit(job_id)
    assert driver.calls("submit") == 0
    assert_put_back(driver, job_id)
    driver.submit(job_id)
    assert driver.job(job_id).state == "pending"
