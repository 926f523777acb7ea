"""The vendor's documents are read in any shape that can be understood."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.vendor.read import read_job, read_page
from manager.vendor.times import read_time

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
JOB = {
    "batch_id": "b-1",
    "status": "completed",
    "identifier_count": 3,
    "created_at": "2026-01-02T12:00:00Z",
    "completed_at": "2026-01-02T12:01:00Z",
    "download_url": "https://files.example/all",
    "download_urls": ["https://files.example/1", "https://files.example/2"],
}


# A job


@pytest.mark.parametrize(
    "content",
    [
        {"job": JOB},
        {"data": JOB},
        {"data": {"job": JOB}},
        {"data": [JOB]},
        [JOB],
        {"id": "request-7", "data": JOB},
        {"job_id": "b-1"} | {name: it for name, it in JOB.items() if name != "batch_id"},
        {"id": " b-1 "} | {name: it for name, it in JOB.items() if name != "batch_id"},
    ],
)
def test_a_job_is_found_where_it_is(content: object) -> None:
    assert read_job(content) == read_job(JOB)


def test_an_id_may_be_a_number() -> None:
    assert read_job({"id": 42}).batch_id == "42"


@pytest.mark.parametrize(
    "content",
    [None, 5, "b-1", [], {}, {"batch_id": None}, {"batch_id": ""}, {"batch_id": " "}, {"id": True},
     {"batch_id": "a\0b"}, {"batch_id": "x" * 201}, {"data": {}}, {"data": [JOB, JOB]},
     {"error": {"message": "no"}}],
)  # fmt: skip
def test_what_has_no_id_is_no_job(content: object) -> None:
    with pytest.raises(ValueError, match="the answer"):
        read_job(content)


def test_null_everywhere_is_as_if_nothing_were_said() -> None:
    nothing = dict.fromkeys(JOB) | {"entity": None, "action": None, "error_message": None}
    assert read_job(nothing | {"batch_id": "b-1"}) == read_job({"batch_id": "b-1"})


@pytest.mark.parametrize("value", [3, "3", " 3 ", 3.0, "3.0"])
def test_a_count_may_be_written_otherwise(value: object) -> None:
    assert read_job(JOB | {"identifier_count": value}).identifier_count == 3


@pytest.mark.parametrize("value", ["many", -1, 2**40, [1], True, 3.5, "nan", "inf", "9" * 400])
def test_what_is_no_count_is_as_if_it_were_not_said(value: object) -> None:
    assert read_job(JOB | {"identifier_count": value}).identifier_count is None


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T12:00:00Z",
        "2026-01-02T12:00:00",
        "2026-01-02 12:00:00",
        "2026-01-02T14:00:00.000000+02:00",
        "Fri, 02 Jan 2026 12:00:00 GMT",
        NOON.timestamp(),
        int(NOON.timestamp()),
        str(int(NOON.timestamp())),
        NOON.timestamp() * 1e3,
        str(int(NOON.timestamp() * 1e3)),
        int(NOON.timestamp()) * 10**6,
        int(NOON.timestamp()) * 10**9,
    ],
)
def test_a_time_may_be_written_in_many_ways(value: object) -> None:
    found = read_job(JOB | {"created_at": value}).created_at
    assert found == NOON
    assert found.tzinfo


@pytest.mark.parametrize(
    "value",
    [None, "", "yesterday", 0, "0", -1, "0001-01-01T00:00:00Z", True, [], 10**30, "nan", "inf",
     "1970-01-01T00:00:00Z", float("inf"), "9" * 400],
)  # fmt: skip
def test_what_is_no_time_is_as_if_it_were_not_said(value: object) -> None:
    """Else a job that is at work would look as if it had ended."""
    assert read_job(JOB | {"completed_at": value}).completed_at is None


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.datetimes().map(str)))
def test_a_time_is_aware_and_of_our_days_or_none(value: object) -> None:
    found = read_time(value)
    assert found is None or (found.utcoffset() is not None and 2000 <= found.year < 3000)


LINKS = ("https://files.example/1", "https://files.example/2")


@pytest.mark.parametrize(
    "said",
    [
        {"download_urls": list(LINKS)},
        {"download_urls": [{"url": link} for link in LINKS]},
        {"download_urls": [{"part": n, "download_url": link} for n, link in enumerate(LINKS)]},
        {"download_urls": [LINKS[0], f" {LINKS[1]} ", LINKS[0]]},
        {"download_url": list(LINKS)},
        {"download_url": "https://files.example/all", "download_urls": list(LINKS)},
    ],
)
def test_links_to_parts_are_found_however_they_are_listed(said: dict[str, Any]) -> None:
    assert read_job({"batch_id": "b-1"} | said).links == LINKS


@pytest.mark.parametrize("parts", [None, [], {}, {"a": 1}, "", [""], [None], [*LINKS, {"a": 1}]])
def test_the_whole_is_taken_when_not_all_parts_can_be_read(parts: object) -> None:
    """The records of a part that is overlooked would count as not found."""
    said = {"batch_id": "b-1", "download_urls": parts}
    whole = "https://files.example/all"
    assert read_job(said | {"download_url": whole}).links == (whole,)
    assert read_job(said | {"download_url": {"url": whole}}).links == (whole,)
    assert read_job(said | {"download_url": 5}).links == ()


def test_the_reason_of_a_failure_is_fit_to_be_shown() -> None:
    job = read_job(
        {"batch_id": "1", "error_message": "no\n" + "x" * 5000 + "https://h/?sig=S3CRET"}
    )
    assert job.error_message
    assert len(job.error_message) == 1000
    assert job.error_message.isprintable()
    assert read_job({"batch_id": "1", "error_message": {"a": 1}}).error_message is None


# A page


@pytest.mark.parametrize(
    "content",
    [
        {"jobs": [JOB], "next_cursor": "c-1", "has_more": True},
        {"data": [JOB], "next_cursor": "c-1", "has_more": "true"},
        {"results": [{"job": JOB}], "next_cursor": "c-1"},
        {"data": {"jobs": [JOB], "next_cursor": "c-1", "has_more": 1}},
        {"jobs": None, "data": [JOB], "pagination": {"next_cursor": "c-1", "has_more": None}},
    ],
)
def test_a_page_is_found_where_it_is(content: object) -> None:
    page = read_page(content, 100, NOON)
    assert page.jobs == (read_job(JOB),)
    assert (page.next_cursor, page.has_more, page.date) == ("c-1", True, NOON)


@pytest.mark.parametrize(
    "content",
    [
        [JOB],
        [],
        {"jobs": [JOB]},
        {"jobs": []},
        {"jobs": [JOB], "next_cursor": None},
        {"jobs": [JOB], "next_cursor": ""},
        {"jobs": [JOB], "next_cursor": "c-1", "has_more": False},
        {"jobs": [JOB], "next_cursor": "c-1", "has_more": "False"},
        {"jobs": [], "has_more": True},
    ],
)
def test_a_page_may_be_the_last(content: object) -> None:
    page = read_page(content, 100)
    assert (page.next_cursor, page.has_more) == (None, False)


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        ({"jobs": [JOB], "next_cursor": None, "has_more": True}, 100),
        ({"jobs": [JOB], "has_more": True}, 100),
        ({"jobs": [JOB]}, 1),
        ([JOB], 1),
    ],
)
def test_a_page_that_may_not_be_the_last_goes_on_after_its_last_job(
    content: object, limit: int
) -> None:
    """A job that is overlooked may be bought again."""
    page = read_page(content, limit)
    assert (page.next_cursor, page.has_more) == ("b-1", True)


@pytest.mark.parametrize(
    "content", [None, 5, {}, {"jobs": None}, {"jobs": {}}, {"jobs": [{}]}, {"jobs": [JOB, None]}]
)
def test_a_page_with_what_cannot_be_read_is_not_read_at_all(content: object) -> None:
    with pytest.raises(ValueError, match="the answer"):
        read_page(content, 100)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*JOB, "job", "jobs", "data", "next_cursor", "has_more"]), inner
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_no_document_is_a_surprise(content: object) -> None:
    with suppress(ValueError):
        assert read_job(content).batch_id
    with suppress(ValueError):
        page = read_page(content, 2)
        assert page.has_more is (page.next_cursor is not None)


@pytest.mark.parametrize("offset", ["+02:00", "-23:59"])
def test_a_time_is_utc_whatever_offset_it_came_with(offset: str) -> None:
    """Postgres does not know every offset that Python does."""
    text = f"2026-01-02T14:00:00{offset}"
    found = read_time(text)
    assert found == datetime.fromisoformat(text)
    assert found.utcoffset() == timedelta(0)
