"""What the vendor says of its jobs, read tolerantly: only a batch_id is indispensable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from manager.vendor.redact import redact

_ENDED = frozenset({"completed", "failed"})
_MAX_COUNT = 2**31 - 1
_MAX_REASON = 1_000


class VendorJob(msgspec.Struct, frozen=True, kw_only=True):
    """A batch job as the vendor shows it; None is what it did not say.

    status: pending, processing, completed or failed [seed]; another word is kept as it is, and
    "" stands for none. entity may be a variant such as `company_v2024` in lists [docs].
    created_at, completed_at: aware, UTC when the vendor names no offset.
    download_url, download_urls: pre-signed, so they are secrets; only the answer to
    `status` of a completed job has them [docs].
    """

    batch_id: str
    status: str = ""
    entity: str = ""
    action: str = ""
    identifier_count: int | None = None
    entities_requested: int | None = None
    entities_fulfilled: int | None = None
    result_count: int | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    download_url: str | None = None
    download_urls: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the vendor is done with it."""
        return self.status in _ENDED

    @property
    def active(self) -> bool:
        """Whether it counts towards the cap; a status that is not known does, to be safe."""
        return not self.ended

    @property
    def is_company_enrich(self) -> bool:
        """Whether it may be a batch enrichment of companies; what is not said does not count."""
        company = self.entity in ("", "company") or self.entity.startswith("company_")
        return company and self.action in ("", "enrich")

    @property
    def links(self) -> tuple[str, ...]:
        """The parts if the vendor offers parts, else the whole; empty when there is no link."""
        return self.download_urls or ((self.download_url,) if self.download_url else ())

    def __repr__(self) -> str:
        return (
            f"VendorJob({self.batch_id!r}, {self.status or 'no status'}, "
            f"{self.action or '?'} {self.entity or '?'}, "
            f"{self.identifier_count} identifiers, {self.result_count} results, "
            f"{len(self.links)} links)"
        )


class JobPage(msgspec.Struct, frozen=True):
    """One page of the vendor's list of jobs, newest first [docs]."""

    jobs: tuple[VendorJob, ...]
    next_cursor: str | None
    has_more: bool


def read_job(content: object) -> VendorJob:
    """The job in a decoded JSON value. Raises ValueError when it has no batch_id."""
    if not isinstance(content, dict):
        raise ValueError("the answer is not a JSON object")
    batch_id = _text(content.get("batch_id"))
    if not batch_id:
        raise ValueError("the answer has no batch_id")
    reason = _text(content.get("error_message"))
    return VendorJob(
        batch_id=batch_id,
        status=(_text(content.get("status")) or "").lower(),
        entity=(_text(content.get("entity")) or "").lower(),
        action=(_text(content.get("action")) or "").lower(),
        identifier_count=_count(content.get("identifier_count")),
        entities_requested=_count(content.get("entities_requested")),
        entities_fulfilled=_count(content.get("entities_fulfilled")),
        result_count=_count(content.get("result_count")),
        created_at=_time(content.get("created_at")),
        completed_at=_time(content.get("completed_at")),
        error_message=redact(reason, limit=_MAX_REASON) if reason else None,
        download_url=_text(content.get("download_url")),
        download_urls=_texts(content.get("download_urls")),
    )


def read_page(content: object) -> JobPage:
    """The page in a decoded JSON value.

    Raises ValueError when there is no list, or an entry that cannot be read: a job that is
    overlooked may be ours, and would be bought again.
    """
    if not isinstance(content, dict) or not isinstance(content.get("jobs"), list):
        raise ValueError("the answer has no list of jobs")
    cursor = _text(content.get("next_cursor"))
    return JobPage(
        jobs=tuple(read_job(job) for job in content["jobs"]),
        next_cursor=cursor,
        has_more=bool(content.get("has_more")) and cursor is not None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    return tuple(filter(None, map(_text, value))) if isinstance(value, list) else ()


def _count(value: object) -> int | None:
    number: int | None = _converted(value, int)
    return number if number is not None and 0 <= number <= _MAX_COUNT else None


def _time(value: object) -> datetime | None:
    time: datetime | None = _converted(value, datetime)
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _converted(value: object, wanted: Callable[..., Any]) -> Any:
    try:
        return msgspec.convert(value, wanted, strict=False)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None
