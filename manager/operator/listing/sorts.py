"""In which orders each kind can be listed, and where in them a page has ended.

A page begins after the last row of the one before, by that row's key, so a page costs the same
however far back it is, and nothing is shown twice or left out when rows come in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from manager.errors import InvalidRequestError
from manager.ledger.budgets import naming_budgets
from manager.ledger.sql import Statements
from manager.operator.chosen import Chosen, Kind, reading
from manager.operator.listing.rows import (
    EnrichmentRow,
    JobRow,
    LaneRow,
    RequestRow,
    Row,
    StrayRow,
    VendorJobRow,
)

SQL = naming_budgets(reading(Statements("listing")))
_FOREVER = "infinity"
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: the statement that reads a page of it, and how a row's place in it is written.

    `value` is what it goes by before the id, None where that alone decides; `read` makes both of
    what was written again, and raises ValueError.
    """

    sql: LiteralString
    row: type[Row]
    id: str
    read_id: Callable[[str], Any]
    value: Callable[[Any], str] | None = None
    read: Callable[[str], Any] = str

    def after(self, row: Row) -> str:
        """Where a page ends whose last row is this."""
        id = str(getattr(row, self.id))
        return id if self.value is None else f"{self.value(row)}{_BETWEEN}{id}"

    def parameters(self, after: str | None) -> dict[str, Any]:
        """Those that let a page begin there. Raises InvalidRequestError."""
        if after is None:
            return {"after": None, "after_id": None}
        value, between, id = after.partition(_BETWEEN) if self.value else ("", _BETWEEN, after)
        try:
            if not between or "\0" in id:
                raise ValueError(after)
            return {
                "after": self.read(value) if self.value else None,
                "after_id": self.read_id(id),
            }
        except ValueError:
            raise InvalidRequestError(
                f"after: {after[:80]!r} is not where a page of this list has ended."
            ) from None


def sort_of(chosen: Chosen, name: str | None) -> Sort:
    """The sort of that name, else the default one. Raises InvalidRequestError."""
    sorts = SORTS[chosen.kind]
    if name is None:
        name = default(chosen)
    if name not in sorts:
        raise InvalidRequestError(f"sort: {name[:80]!r} is not one of {', '.join(sorts)}.")
    if name not in possible(chosen):
        raise InvalidRequestError(
            "sort: enrichments can be sorted by when they were settled where they are those of a "
            "job, a request or an identifier, or failed ones (state=failed)."
        )
    return sorts[name]


def default(chosen: Chosen) -> str:
    """The name of the sort that one would look at first."""
    if chosen.kind == "enrichment" and chosen.given.get("state") == "failed":
        return "settled"
    return next(iter(SORTS[chosen.kind]))


def possible(chosen: Chosen) -> list[str]:
    """The names of the sorts that what is chosen can have."""
    return [it for it in SORTS[chosen.kind] if it != "settled" or _is_narrow(chosen)]


def _is_narrow(chosen: Chosen) -> bool:
    """Whether there is an index, or little to sort, whatever the ledger holds."""
    few = {"job", "request", "identifier", "id"}
    return bool(few & set(chosen.given)) or chosen.given.get("state") == "failed"


def _moment(text: str) -> datetime | str:
    return text if text == _FOREVER else datetime.fromisoformat(text).astimezone(UTC)


def _ended(row: JobRow) -> str:
    return row.ended_at.isoformat() if row.ended_at else _FOREVER


def _is_finished(row: RequestRow) -> str:
    return "1" if row.finished_at else "0"


def _began(row: VendorJobRow) -> str:
    return row.began_at.isoformat()


def _settled(row: EnrichmentRow) -> str:
    return row.settled_at.isoformat() if row.settled_at else ""


def _waiting(row: LaneRow) -> str:
    return str(row.waiting)


def _flag(text: str) -> bool:
    return bool(_number(text, below=2))


def _number(text: str, below: int = 2**63) -> int:
    number = int(text)
    if not 0 <= number < below:
        raise ValueError(text)
    return number


def _of(table: str, sort: str) -> LiteralString:
    """The statement of a table's rows, reading them in that order."""
    ordered: LiteralString = getattr(SQL, f"{table}_{sort}")
    listed: LiteralString = getattr(SQL.reading(ordered, instead_of=f"sorted_{table}"), table)
    return listed


def _job(name: str, *value: Any) -> Sort:
    return Sort(_of("jobs", name), JobRow, "job_id", UUID, *value)


def _request(name: str, *value: Any) -> Sort:
    return Sort(_of("requests", name), RequestRow, "request_id", UUID, *value)


def _enrichment(name: str, *value: Any) -> Sort:
    return Sort(_of("enrichments", name), EnrichmentRow, "enrichment_id", _number, *value)


def _vendor_job(name: str) -> Sort:
    return Sort(_of("vendor_jobs", name), VendorJobRow, "batch_id", str, _began, _moment)


def _stray(name: str) -> Sort:
    return Sort(_of("strays", name), StrayRow, "stray_id", _number)


def _lane(name: str, *value: Any) -> Sort:
    return Sort(_of("lanes", name), LaneRow, "lane_id", partial(_number, below=2**31), *value)


SORTS: Mapping[Kind, Mapping[str, Sort]] = {
    "job": {
        "newest": _job("newest"),
        "oldest": _job("oldest"),
        "ended": _job("ended", _ended, _moment),
    },
    "request": {
        "open": _request("open", _is_finished, _flag),
        "newest": _request("newest"),
        "oldest": _request("oldest"),
    },
    "enrichment": {
        "newest": _enrichment("newest"),
        "oldest": _enrichment("oldest"),
        "settled": _enrichment("settled", _settled, _moment),
    },
    "vendor_job": {"newest": _vendor_job("newest"), "oldest": _vendor_job("oldest")},
    "stray": {"newest": _stray("newest"), "oldest": _stray("oldest")},
    "lane": {"waiting": _lane("waiting", _waiting, _number), "newest": _lane("newest")},
}
"""By kind and name; the first of each is its default."""
