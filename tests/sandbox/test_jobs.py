"""A job's life as its status and the list show it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox, SandboxError, companies

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration


def domains(count: int, first: int = 0) -> list[str]:
    return [companies.fictional(first + index).domain for index in range(count)]


def test_a_job_is_pending_then_processing_then_completed(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(domains=domains(1000))
    seen = []
    for seconds in (0, 1, 5, 5, 1):
        sandbox.advance(seconds)
        answer = caller.status(batch_id)
        seen.append((answer["status"], answer["result_count"], answer["completed_at"] is None))
    assert seen == [
        ("pending", 0, True),
        ("processing", 0, True),
        ("processing", 400, True),
        ("processing", 900, True),
        ("completed", 1000, False),
    ]


def test_times_are_iso_8601_with_offset_and_microseconds(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(domains=domains(1000))
    sandbox.advance(60)
    answer = caller.status(batch_id)
    created, completed = (answer[name] for name in ("created_at", "completed_at"))
    took = datetime.fromisoformat(completed) - datetime.fromisoformat(created)
    assert abs(took - timedelta(seconds=11.1)) < timedelta(milliseconds=1)
    assert created.endswith("+00:00")
    assert len(created) == len("2026-01-01T00:00:00.000000+00:00")


def test_only_a_completed_job_has_links(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(domains=domains(3))
    assert not caller.status(batch_id).keys() & {"download_url", "download_urls"}
    sandbox.advance(60)
    assert caller.status(batch_id).keys() >= {"download_url", "download_urls"}


def test_a_failed_job_says_why_and_is_not_billed(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("submit", "fail_job", error_message="out of paper")
    batch_id = caller.submit(domains=domains(3))
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert (answer["status"], answer["error_message"]) == ("failed", "out of paper")
    assert answer["entities_fulfilled"] == answer["result_count"] == 0
    assert "download_url" not in answer
    assert sandbox.record()["billed"]["records"] == 0


@pytest.mark.parametrize("batch_id", ["x", "53ab686b-c054-496b-8baf-baff5ecc85cf"])
def test_an_unknown_job_is_a_404(caller: Caller, batch_id: str) -> None:
    assert caller.http.get(f"/batch/{batch_id}").status_code == 404


def test_the_speed_setting_shortens_a_job(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(speed=100)
    batch_id = caller.submit(domains=domains(3))
    sandbox.advance(0.12)
    assert caller.status(batch_id)["status"] == "completed"


def test_the_list_is_newest_first_and_pages_by_cursor(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=100)
    newest_first = [caller.submit(domains=domains(1)) for _ in range(25)][::-1]
    first = caller.jobs()
    assert [job["batch_id"] for job in first["jobs"]] == newest_first[:20]
    assert (first["has_more"], first["next_cursor"]) == (True, newest_first[19])
    second = caller.jobs(cursor=first["next_cursor"])
    assert [job["batch_id"] for job in second["jobs"]] == newest_first[20:]
    assert (second["has_more"], second["next_cursor"]) == (False, None)


def test_the_list_clamps_its_limit(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=200)
    for _ in range(101):
        sandbox.foreign()
    shown = {limit: len(caller.jobs(limit=limit)["jobs"]) for limit in (-3, 0, 1, 100, 1000)}
    assert shown == {-3: 1, 0: 1, 1: 1, 100: 100, 1000: 100}


def test_the_list_shows_jobs_without_links_identifiers_or_webhook(
    caller: Caller, sandbox: Sandbox
) -> None:
    batch_id = caller.submit(domains=domains(1))
    sandbox.advance(60)
    status = caller.status(batch_id)
    (entry,) = caller.jobs()["jobs"]
    links = {"download_url", "download_urls"}
    assert entry == {name: status[name] for name in status.keys() - links}


def test_the_list_filters_by_status(caller: Caller, sandbox: Sandbox) -> None:
    old = caller.submit(domains=domains(1))
    sandbox.advance(60)
    new = caller.submit(domains=domains(1))
    assert [job["batch_id"] for job in caller.jobs(status="completed")["jobs"]] == [old]
    assert [job["batch_id"] for job in caller.jobs(status="pending")["jobs"]] == [new]
    assert caller.jobs(status="failed")["jobs"] == []


@pytest.mark.parametrize("query", [{"status": "done"}, {"limit": "x"}, {"cursor": "x"}], ids=str)
def test_the_list_refuses_bad_queries(caller: Caller, query: dict[str, Any]) -> None:
    assert caller.http.get("/batch", params=query).status_code == 400


def test_a_new_job_may_appear_in_the_list_late(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(list_lag_seconds=5)
    batch_id = caller.submit(domains=domains(1))
    assert caller.jobs()["jobs"] == []
    assert caller.status(batch_id)["status"] == "pending"
    sandbox.advance(5)
    assert len(caller.jobs()["jobs"]) == 1


def test_a_foreign_job_is_listed_and_takes_part_of_the_cap(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.set(cap=1)
    foreign = sandbox.foreign(identifier_count=7, seconds=30, entity="company_v2024")
    (entry,) = caller.jobs()["jobs"]
    assert entry["batch_id"] == foreign["batch_id"]
    assert (entry["entity"], entry["identifier_count"]) == ("company_v2024", 7)
    assert caller.post(domains=domains(1)).status_code == 429
    with pytest.raises(SandboxError, match="at most 1"):
        sandbox.foreign()
    sandbox.advance(30)
    assert len(caller.envelopes(foreign["batch_id"])) == 7
    caller.submit(domains=domains(1))


def test_the_list_may_show_variants_of_entities(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(domains=domains(1))
    sandbox.set(list_entity_suffix="_v2024")
    assert caller.jobs()["jobs"][0]["entity"] == "company_v2024"
    assert caller.status(batch_id)["entity"] == "company"


def test_a_slow_job_takes_longer(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("submit", "slow_job", factor=3)
    slow = caller.submit(domains=domains(1))
    quick = caller.submit(domains=domains(1))
    sandbox.advance(12)
    assert caller.status(slow)["status"] == "processing"
    assert caller.status(quick)["status"] == "completed"
    sandbox.advance(24)
    assert caller.status(slow)["status"] == "completed"
