"""`enrichd requests`: the requests, or one of them."""

from __future__ import annotations

from dataclasses import asdict

import typer

from manager.cli.groups import SHOW, group
from manager.cli.lists import lister, plain
from manager.cli.options import examples
from manager.cli.request_actions import add_actions
from manager.cli.tables import show_one
from manager.ledger.connect import Ledger
from manager.operator.whole import whole_request
from manager.settings import Settings

EXAMPLES = examples(
    "enrichd requests --open",
    "enrichd requests --account crm --since 7d",
    "enrichd requests --metadata customer=7 --state failed",
    "enrichd requests REQUEST_ID --json",
    "enrichd requests retry-failed REQUEST_ID",
)
COUNTERS = ("total", "fulfilled", "not_found", "failed", "cancelled")
COLUMNS = (
    "request_id",
    "endpoint",
    "type",
    "fields",
    "state",
    *COUNTERS,
    "created_at",
    "waits_for",
)

NOTES = {"max_age": "results not older than this were taken as they are"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(requests, name="requests")


def _show(settings: Settings, id: str, as_json: bool) -> None:
    with Ledger(settings, "cli").connect() as connection:
        shown = asdict(whole_request(connection, id))
    if as_json:
        shown["max_age"] = shown["max_age"].total_seconds()
    show_one(shown, as_json, NOTES)


requests = group("List requests, show one, or act on some.", EXAMPLES)
requests.command(SHOW, epilog=EXAMPLES)(
    lister(
        "request",
        COLUMNS,
        lambda row: plain(row) | {"state": row.state},
        help="List requests, those that are open first, or show one.",
        shown=_show,
        metavar="REQUEST_ID",
    )
)
add_actions(requests)
