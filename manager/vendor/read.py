"""Reads the vendor's documents tolerantly: of a job, only its id is indispensable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from manager.redact import redact
from manager.vendor.times import read_time
from manager.vendor.types import JobPage, VendorJob

MAX_ID = 200
MAX_WORD = 60
_MAX_COUNT = 2**31 - 1
_MAX_REASON = 1_000
_MAX_DEPTH = 3

_ID = ("batch_id", "job_id", "id")
_JOB = ("job", "batch", "data", "result")
_JOBS = ("jobs", "batches", "data", "results", "items")
_PAGE = ("data", "result", "results", "pagination", "paging", "page", "meta")
_URL = ("url", "download_url", "href", "link")

_Document = dict[str, Any]


def read_job(content: object) -> VendorJob:
    """The job in a decoded JSON value, bare or wrapped as in `{"job": {...}}`.

    Raises ValueError when it has no id.
    """
    if not isinstance(content, dict | list):
        raise ValueError("the answer is not a JSON object")
    document, batch_id = next(_with_id(content), (None, None))
    if document is None or batch_id is None:
        raise ValueError("the answer has no batch_id")
    reason = _text(document, "error_message", "error")
    whole = _links(document.get("download_url"))
    return VendorJob(
        batch_id=batch_id,
        status=_word(document, "status", "state"),
        entity=_word(document, "entity").lower(),
        action=_word(document, "action").lower(),
        identifier_count=_count(document.get("identifier_count")),
        entities_requested=_count(document.get("entities_requested")),
        entities_fulfilled=_count(document.get("entities_fulfilled")),
        result_count=_count(document.get("result_count")),
        created_at=read_time(document.get("created_at")),
        completed_at=read_time(document.get("completed_at")),
        error_message=redact(reason, limit=_MAX_REASON) if reason else None,
        download_url=whole[0] if len(whole) == 1 else None,
        download_urls=_links(document.get("download_urls")) or (whole if len(whole) > 1 else ()),
    )


def read_page(content: object, limit: int, date: datetime | None = None) -> JobPage:
    """The page in a decoded JSON value; limit: how many jobs were asked for.

    Raises ValueError when there is no list, or an entry that cannot be read: a job that is
    overlooked may be ours, and would be bought again. For that reason, too, a full page that
    says nothing of more has more, after its last job [docs].
    """
    entries = _entries(content, _MAX_DEPTH)
    if entries is None:
        raise ValueError("the answer has no list of jobs")
    jobs = tuple(map(read_job, entries))
    cursor, more = _said(content, "next_cursor"), _said(content, "has_more")
    has_cursor, says_more = isinstance(cursor, str | int) and bool(cursor), _bool(more)
    if says_more is None:
        unsaid = cursor is _UNSAID and more in (_UNSAID, None)
        says_more = has_cursor or (unsaid and len(jobs) >= limit)
    if not says_more or not (has_cursor or jobs):
        return JobPage(jobs, None, False, date)
    return JobPage(jobs, str(cursor) if has_cursor else jobs[-1].batch_id, True, date)


_UNSAID = object()


def _with_id(content: object, depth: int = _MAX_DEPTH) -> Iterator[tuple[_Document, str]]:
    """What may be the job, the likeliest first: what has a batch_id, before what has some id."""
    documents = list(_documents(content, depth))
    for name in _ID:
        for document in documents:
            if batch_id := _identity(document.get(name)):
                yield document, batch_id


def _documents(content: object, depth: int) -> Iterator[_Document]:
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict):
        yield content
        for name in _JOB if depth else ():
            yield from _documents(content.get(name), depth - 1)


def _entries(content: object, depth: int) -> list[object] | None:
    """The list of jobs, wherever it is."""
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and depth:
        for name in _JOBS:
            if (found := _entries(content.get(name), depth - 1)) is not None:
                return found
    return None


def _said(content: object, name: str, depth: int = _MAX_DEPTH) -> object:
    """What the page says of the pages, beside the list or around it."""
    if isinstance(content, dict):
        if name in content:
            return content[name]
        for inner in _PAGE if depth else ():
            if (found := _said(content.get(inner), name, depth - 1)) is not _UNSAID:
                return found
    return _UNSAID


def _identity(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= MAX_ID and text.isprintable() else None


def _text(document: _Document, *names: str) -> str | None:
    """The first of these that is a text with anything in it."""
    values = (document.get(name) for name in names)
    return next((it for it in values if isinstance(it, str) and it.strip()), None)


def _word(document: _Document, *names: str) -> str:
    return redact(_text(document, *names) or "", limit=MAX_WORD)


def _links(value: object) -> tuple[str, ...]:
    """The links; none when one of them cannot be read, since its records would be missed."""
    values = value if isinstance(value, list) else [value]
    found = [_text(it, *_URL) if isinstance(it, dict) else it for it in values]
    links = [it.strip() for it in found if isinstance(it, str) and it.strip()]
    return tuple(dict.fromkeys(links)) if len(links) == len(found) else ()


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and 0 <= number <= _MAX_COUNT else None


def _bool(value: object) -> bool | None:
    """As it may be written; None when it is neither."""
    word = str(value).lower() if isinstance(value, bool | int | str) else ""
    return {"true": True, "1": True, "false": False, "0": False}.get(word)
