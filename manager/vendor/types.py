"""The vendor's jobs, and a page of its list of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from manager.vendor.stage import Stage, stage_of


class VendorJob(msgspec.Struct, frozen=True, kw_only=True):
    """A batch job as the vendor shows it; None is what it did not say.

    status: the vendor's own word, for people; "" stands for none. What it means is `stage`.
    entity, action: in lower case; the entity may have a suffix in lists [docs].
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
    def stage(self) -> Stage:
        """What the status means, and the rest beside it."""
        return stage_of(self.status, ended=self.completed_at is not None or bool(self.links))

    @property
    def ended(self) -> bool:
        """Whether the vendor is done with it."""
        return self.stage.ended

    @property
    def active(self) -> bool:
        """Whether it counts towards the cap."""
        return not self.ended

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
    """One page of the vendor's list of jobs, newest first [docs].

    next_cursor: what to ask the next page with; None when there is none. date: the vendor's
    clock when it answered, None when it did not say.
    """

    jobs: tuple[VendorJob, ...]
    next_cursor: str | None
    has_more: bool
    date: datetime | None = None
