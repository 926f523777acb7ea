"""Lists: what a filter chooses, a page at a time, the same for commands, console and export."""

from manager.operator.listing.export import CONTENT_TYPES, export
from manager.operator.listing.paging import Page, page, pages
from manager.operator.listing.rows import (
    EnrichmentRow,
    JobRow,
    LaneRow,
    RequestRow,
    Row,
    StrayRow,
    VendorJobRow,
)
from manager.operator.listing.sorts import SORTS, default, possible

__all__ = [
    "CONTENT_TYPES",
    "SORTS",
    "EnrichmentRow",
    "JobRow",
    "LaneRow",
    "Page",
    "RequestRow",
    "Row",
    "StrayRow",
    "VendorJobRow",
    "default",
    "export",
    "page",
    "pages",
    "possible",
]
