"""Asking the vendor: how a job is, and which jobs there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from manager.vendor import errors
from manager.vendor.client import VendorClient
from manager.vendor.read import read_job, read_page

if TYPE_CHECKING:
    from .conftest import Server

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
    assert (job.status, job.stage, job.ended, job.active) == ("completed", "completed", True, False)
    assert (job.entities_requested, job.entities_fulfilled, job.result_count) == (3, 2, 2)
    assert job.created_at == NOON + timedelta(microseconds=123456)
    assert job.completed_at == NOON + timedelta(seconds=1, milliseconds=500)
    assert job.links == ("https://files.example/1?signature=2", "https://files.example/2")


def test_links_are_not_shown(client: VendorClient) -> None:
    job = read_job(COMPLETED)
    assert "signature" not in f"{job!r} {job} {[job]} {read_page({'jobs': [COMPLETED]}, 100)}"


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


def test_a_page_is_asked_for_as_documented(server: Server, client: VendorClient) -> None:
    page = {"jobs": [COMPLETED], "next_cursor": "b-1", "has_more": True}
    server.reply = lambda call: call.answer(200, page)
    before = datetime.now(UTC).replace(microsecond=0)
    answer = client.list_jobs(limit=500, status="failed", cursor="b-0")
    assert urlsplit(server.calls[0].path).path == "/batch"
    query = parse_qs(urlsplit(server.calls[0].path).query)
    assert query == {"limit": ["100"], "status": ["failed"], "cursor": ["b-0"]}
    assert ([job.batch_id for job in answer.jobs], answer.next_cursor) == (["b-1"], "b-1")
    assert answer.has_more
    assert answer.date
    assert before <= answer.date <= datetime.now(UTC), "the vendor's clock"


@pytest.mark.parametrize(
    "body", [{}, {"jobs": None}, 5, {"jobs": [COMPLETED, {"status": "pending"}]}]
)
def test_a_list_that_cannot_be_read_whole_is_not_read_at_all(
    server: Server, client: VendorClient, body: object
) -> None:
    """A job that is overlooked may be ours, and would be bought again."""
    server.reply = lambda call: call.answer(200, body)
    with pytest.raises(errors.Unclear):
        client.list_jobs()
