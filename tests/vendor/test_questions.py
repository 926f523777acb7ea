"""Asking the vendor: how a job is, and which jobs there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from manager.vendor import errors
from manager.vendor.client import VendorClient
from manager.vendor.types import read_job, read_page

if TYPE_CHECKING:
    from .conftest import Call, Server

pytestmark = pytest.mark.integration

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
COMPLETED = {
    "batch_id": "b-1",
    "status": "completed",
    "entity": "company",
    "action": "enrich",
    "identifier_count": 3,
    "entities_requested": 3,
    "entities_fulfilled": 2,
    "result_count": 2,
    "created_at": "2026-01-02T12:00:00.123456+00:00",
    "completed_at": "2026-01-02T14:00:01.5+02:00",
    "download_url": "https://files.example/all?signature=1",
    "download_urls": ["https://files.example/1?signature=2", "https://files.example/2"],
    "something_new": {"a": 1},
}


def test_the_status_of_a_job_is_read_with_its_links(server: Server, client: VendorClient) -> None:
    server.reply = lambda call: call.answer(200, COMPLETED)
    job = client.status("b-1")
    assert server.calls[0].path == "/batch/b-1"
    assert server.calls[0].headers["x-api-version"] == "2025-11-01"
    assert (job.status, job.ended, job.active) == ("completed", True, False)
    assert (job.entities_requested, job.entities_fulfilled, job.result_count) == (3, 2, 2)
    assert job.created_at == NOON + timedelta(microseconds=123456)
    assert job.completed_at == NOON + timedelta(seconds=1, milliseconds=500)
    assert job.links == ("https://files.example/1?signature=2", "https://files.example/2")


def test_links_are_not_shown(client: VendorClient) -> None:
    job = read_job(COMPLETED)
    assert "signature" not in f"{job!r} {job} {[job]} {read_page({'jobs': [COMPLETED]})}"


@pytest.mark.parametrize(
    ("value", "path"),
    [("a/b", "/batch/a%2Fb"), ("a?b#c", "/batch/a%3Fb%23c"), ("../x", "/batch/..%2Fx")],
)
def test_an_odd_batch_id_stays_one_segment_of_the_path(
    server: Server, client: VendorClient, value: str, path: str
) -> None:
    with pytest.raises(errors.UnknownJob):
        client.status(value)
    assert server.calls[0].path == path


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_what_would_be_another_route_is_not_asked(
    server: Server, client: VendorClient, value: str
) -> None:
    with pytest.raises(errors.UnknownJob):
        client.status(value)
    assert not server.calls


def test_a_list_without_the_route_is_no_unknown_job(client: VendorClient) -> None:
    with pytest.raises(errors.Refused) as raised:
        client.list_jobs()
    assert not isinstance(raised.value, errors.UnknownJob)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "yesterday"),
        ("created_at", 10**30),
        ("identifier_count", "many"),
        ("identifier_count", -1),
        ("result_count", 2**40),
        ("result_count", [1]),
        ("completed_at", None),
        ("error_message", {"a": 1}),
        ("download_urls", {"a": 1}),
        ("download_url", 5),
    ],
)
def test_what_cannot_be_read_of_a_job_is_as_if_it_were_not_said(field: str, value: Any) -> None:
    job = read_job(COMPLETED | {field: value})
    assert getattr(job, field) in (None, ())
    assert job.batch_id == "b-1"


def test_counts_and_times_are_read_in_other_spellings() -> None:
    job = read_job({"batch_id": "1", "identifier_count": "12", "created_at": "2026-01-02T12:00:00"})
    assert (job.identifier_count, job.created_at) == (12, NOON)


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("pending", True),
        ("processing", True),
        ("completed", False),
        ("failed", False),
        ("Completed", False),
        ("queued", True),
        (None, True),
    ],
)
def test_a_job_counts_towards_the_cap_unless_it_has_certainly_ended(
    status: str | None, active: bool
) -> None:
    job = read_job({"batch_id": "1", "status": status})
    assert (job.active, job.ended) == (active, not active)


@pytest.mark.parametrize(
    ("entity", "action", "alike"),
    [
        ("company", "enrich", True),
        ("company_v2024", "enrich", True),
        (None, None, True),
        ("person", "enrich", False),
        ("companyish", "enrich", False),
        ("company", "search", False),
        ("company", "enrich_live", False),
    ],
)
def test_a_company_enrichment_is_known_in_all_its_variants(
    entity: str | None, action: str | None, alike: bool
) -> None:
    assert (
        read_job({"batch_id": "1", "entity": entity, "action": action}).is_company_enrich is alike
    )


def test_a_page_is_asked_for_as_documented(server: Server, client: VendorClient) -> None:
    page = {"jobs": [COMPLETED], "next_cursor": "b-1", "has_more": True}
    server.reply = lambda call: call.answer(200, page)
    answer = client.list_jobs(limit=500, status="failed", cursor="b-0")
    assert urlsplit(server.calls[0].path).path == "/batch"
    query = parse_qs(urlsplit(server.calls[0].path).query)
    assert query == {"limit": ["100"], "status": ["failed"], "cursor": ["b-0"]}
    assert ([job.batch_id for job in answer.jobs], answer.next_cursor) == (["b-1"], "b-1")
    assert answer.has_more


@pytest.mark.parametrize("body", [{}, {"jobs": None}, [], {"jobs": [{"status": "pending"}]}])
def test_a_list_that_cannot_be_read_whole_is_not_read_at_all(
    server: Server, client: VendorClient, body: object
) -> None:
    """A job that is overlooked may be ours, and would be bought again."""
    server.reply = lambda call: call.answer(200, body)
    with pytest.raises(errors.Unclear):
        client.list_jobs()


def pages_of(count: int, size: int) -> Any:
    """A list of jobs, each a minute older than the one before."""
    jobs = [
        {"batch_id": f"b-{n}", "created_at": (NOON - timedelta(minutes=n)).isoformat()}
        for n in range(count)
    ]

    def reply(call: Call) -> None:
        cursor = parse_qs(urlsplit(call.path).query).get("cursor")
        first = int(cursor[0].removeprefix("b-")) + 1 if cursor else 0
        page = jobs[first : first + size]
        more = first + size < count
        last = page[-1]["batch_id"] if more else None
        call.answer(200, {"jobs": page, "next_cursor": last, "has_more": more})

    return reply


def test_all_jobs_are_listed_page_by_page(server: Server, client: VendorClient) -> None:
    server.reply = pages_of(7, 3)
    assert [job.batch_id for job in client.iter_jobs()] == [f"b-{n}" for n in range(7)]
    assert len(server.calls) == 3


def test_listing_ends_with_the_first_job_that_is_too_old(
    server: Server, client: VendorClient
) -> None:
    server.reply = pages_of(100, 3)
    recent = client.iter_jobs(created_since=NOON - timedelta(minutes=4))
    assert [job.batch_id for job in recent] == [f"b-{n}" for n in range(5)]
    assert len(server.calls) == 2


def test_listing_ends_after_so_many_pages(server: Server, client: VendorClient) -> None:
    server.reply = pages_of(100, 3)
    assert len(list(client.iter_jobs(max_pages=2))) == 6


def test_listing_ends_when_the_vendor_goes_in_circles(server: Server, client: VendorClient) -> None:
    page = {"jobs": [COMPLETED], "next_cursor": "b-1", "has_more": True}
    server.reply = lambda call: call.answer(200, page)
    assert len(list(client.iter_jobs(max_pages=50))) == 2


def test_there_is_no_more_without_a_cursor_to_it() -> None:
    assert not read_page({"jobs": [COMPLETED], "next_cursor": None, "has_more": True}).has_more


def test_an_open_question_does_not_ask_for_more_than_is_looked_at(
    server: Server, client: VendorClient
) -> None:
    server.reply = pages_of(100, 3)
    next(client.iter_jobs())
    assert len(server.calls) == 1
