"""The kinds of objects as the console shows them: their paths, names, and the columns of a list."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from manager.operator.chosen import Kind
from manager.operator.listing import (
    EnrichmentRow,
    JobRow,
    LaneRow,
    RequestRow,
    Row,
    StrayRow,
    VendorJobRow,
)
from manager.operator.words import waits
from manager.web.console.templates import short, url

# The one sort that begins with the least.
ASCENDING = "oldest"
BY_AGE = ("newest", ASCENDING)


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a cell; title: what is short in its text, whole."""

    href: str
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, how its cells are shown (see tables.html), and what is in them.

    sorts: the sorts of the list that go by it (see `SORTS`), the one that is asked for first first.
    """

    title: str
    shown: str
    of: Callable[[Any], Any]
    sorts: tuple[str, ...] = ()

    def sorted(self, sort: str) -> str | None:
        """How a list of this sort is sorted by it, as ARIA has it; None where it is not."""
        if sort not in self.sorts:
            return None
        return "ascending" if sort == ASCENDING else "descending"

    def next(self, sort: str, possible: Container[str]) -> str | None:
        """The sort that its head leads to from this one; None: to no other."""
        at = self.sorts.index(sort) + 1 if sort in self.sorts else 0
        others = (it for it in self.sorts[at:] + self.sorts[:at] if it != sort and it in possible)
        return next(others, None)


@dataclass(frozen=True, slots=True)
class Shown:
    """A kind of objects: its list's path and title, and how one is named."""

    kind: Kind
    path: str
    title: str
    one: str
    columns: tuple[Column, ...]
    href: Callable[[Any], str]


def job_link(job_id: Any) -> Link | None:
    """To the page of a job."""
    return None if job_id is None else Link(url("/jobs", job_id), short(job_id), str(job_id))


def _self(row: Row) -> Row:
    return row


def _request_link(row: RequestRow) -> Link:
    return Link(url("/requests", row.request_id), short(row.request_id), str(row.request_id))


def _job_why(row: JobRow) -> str:
    """Why it is in its state; what went wrong last, where that is not the same."""
    why = row.why if row.waits_for is None else waits(row.waits_for)
    return why if row.error is None or row.error in why else f"{why}; {row.error}"


def _enrichment_link(row: EnrichmentRow) -> Link:
    return Link(url("/enrichments", row.enrichment_id), row.identifier, row.identifier)


def _vendor_job_href(row: VendorJobRow) -> str:
    return url("/vendor-jobs", row.account, row.batch_id)


def _vendor_job_link(row: VendorJobRow) -> Link:
    return Link(_vendor_job_href(row), short(row.batch_id), row.batch_id)


def _stray_link(row: StrayRow) -> Link:
    return Link(url("/strays", row.stray_id), f"{row.stray_id}", f"stray {row.stray_id}")


def _lane_link(row: LaneRow) -> Link:
    text = f"{row.type.replace('_', ' ')}, {row.endpoint}"
    return Link(url("/lanes", row.lane_id), text, f"lane {row.lane_id}")


def _metadata(row: RequestRow) -> str:
    given = row.metadata if isinstance(row.metadata, dict) else {}
    return ", ".join(f"{name}={value}" for name, value in given.items())


_ACCOUNT = Column("account", "name", lambda row: row.account)
_LANE = Column("what", "lane", _self)
_STATE = Column("state", "state", lambda row: row.state)

SHOWN: Mapping[Kind, Shown] = {
    "request": Shown(
        "request",
        "/requests",
        "Requests",
        "request",
        (
            Column("request", "link", _request_link),
            _ACCOUNT,
            _LANE,
            Column(
                "state",
                "state",
                lambda row: "cancelled" if row.cancelled_at
                else "finished" if row.finished_at else "open",
            ),
            Column("progress", "progress", _self),
            Column("total", "number", lambda row: row.total),
            Column("fulfilled", "number", lambda row: row.fulfilled),
            Column("not found", "number", lambda row: row.not_found),
            Column("failed", "number", lambda row: row.failed),
            Column("priority", "number", lambda row: row.priority),
            Column("made", "time", lambda row: row.created_at, BY_AGE),
            Column("waits for", "text", lambda row: row.waits_for),
            Column("metadata", "text", _metadata),
        ),
        lambda row: url("/requests", row.request_id),
    ),
    "job": Shown(
        "job",
        "/jobs",
        "Jobs",
        "job",
        (
            Column("job", "link", lambda row: job_link(row.job_id)),
            _ACCOUNT,
            _LANE,
            _STATE,
            Column("slot", "number", lambda row: row.slot),
            Column("size", "number", lambda row: row.identifier_count),
            Column("results", "number", lambda row: row.result_count),
            Column("packed", "time", lambda row: row.created_at, BY_AGE),
            Column("ended", "time", lambda row: row.ended_at, ("ended",)),
            Column("why", "text", _job_why),
        ),
        lambda row: url("/jobs", row.job_id),
    ),
    "enrichment": Shown(
        "enrichment",
        "/enrichments",
        "Enrichments",
        "enrichment",
        (
            Column("identifier", "link", _enrichment_link),
            _ACCOUNT,
            _LANE,
            _STATE,
            Column("purchase", "number", lambda row: row.cycle),
            Column("priority", "number", lambda row: row.priority),
            Column("job", "link", lambda row: job_link(row.job_id)),
            Column("settled", "time", lambda row: row.settled_at, ("settled",)),
            Column("reason", "text", lambda row: row.reason),
        ),
        lambda row: url("/enrichments", row.enrichment_id),
    ),
    "vendor_job": Shown(
        "vendor_job",
        "/vendor-jobs",
        "Vendor’s jobs",
        "job of the vendor",
        (
            Column("batch id", "link", _vendor_job_link),
            _ACCOUNT,
            Column("whose", "state", lambda row: row.whose),
            Column("our job", "link", lambda row: job_link(row.job_id)),
            Column("what", "name", lambda row: f"{row.entity}/{row.action}"),
            Column("status", "name", lambda row: row.status),
            Column("size", "number", lambda row: row.identifier_count),
            Column("results", "number", lambda row: row.result_count),
            Column("began", "time", lambda row: row.began_at, BY_AGE),
            Column("last seen", "time", lambda row: row.last_seen_at),
            Column("why", "text", lambda row: row.why),
        ),
        _vendor_job_href,
    ),
    "stray": Shown(
        "stray",
        "/strays",
        "Strays",
        "stray",
        (
            Column("stray", "link", _stray_link),
            _ACCOUNT,
            Column("job", "link", lambda row: job_link(row.job_id)),
            Column("line", "number", lambda row: row.line),
            Column("bytes", "number", lambda row: row.bytes),
            Column("kept", "time", lambda row: row.kept_at, BY_AGE),
            Column("reason", "text", lambda row: row.reason),
        ),
        lambda row: url("/strays", row.stray_id),
    ),
    "lane": Shown(
        "lane",
        "/lanes",
        "Lanes",
        "lane",
        (
            Column("lane", "link", _lane_link),
            _ACCOUNT,
            Column("fields", "text", lambda row: ", ".join(row.fields)),
            Column("paused", "text", lambda row: row.paused and f"{row.paused}: {row.reason}"),
            Column("waiting", "number", lambda row: row.waiting, ("waiting",)),
            Column("oldest", "time", lambda row: row.oldest_at),
            Column("live jobs", "number", lambda row: row.jobs),
            Column("in jobs", "number", lambda row: row.in_jobs),
            Column("waits for", "text", lambda row: row.waits_for),
        ),
        lambda row: url("/lanes", row.lane_id),
    ),
}  # fmt: skip
"""In the order in which they are offered."""
