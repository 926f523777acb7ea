"""`enrichd requests`: the requests, or one of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from manager.cli.accounts import account_column
from manager.cli.options import Account, DataDir, Endpoint, Json, Limit, examples, settings_for
from manager.cli.tables import show_list, show_one
from manager.client.follow import Progress
from manager.client.sync import Manager

COUNTERS = ("total", "fulfilled", "not_found", "failed", "cancelled")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "requests",
        epilog=examples(
            "enrichd requests",
            "enrichd requests --account crm",
            "enrichd requests REQUEST_ID --json",
        ),
    )(requests)


def requests(
    request_id: Annotated[
        str | None, typer.Argument(metavar="REQUEST_ID", help="Show this one.")
    ] = None,
    account: Account = None,
    endpoint: Endpoint = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List requests, or show one."""
    from manager.cli import listing  # here: it takes a second

    settings = settings_for(data_dir)
    if request_id is not None:
        show_one(_progress(Manager(settings).request(request_id).progress()), as_json)
        return
    which = account_column(settings, account)
    listed = listing.requests(settings, account, endpoint, limit)
    columns = ("request_id", *which, "endpoint", "type", "fields")
    show_list(listed, (*columns, *COUNTERS, "created_at"), as_json)


def _progress(now: Progress) -> dict[str, Any]:
    return {
        "request_id": now.id,
        "account": now.account,
        "endpoint": now.endpoint,
        "type": now.identifier_type,
        "fields": list(now.fields),
        "priority": now.priority,
        **{name: getattr(now, name) for name in COUNTERS},
        "created_at": now.created_at,
        "finished_at": now.finished_at,
        "cancelled_at": now.cancelled_at,
        "metadata": now.metadata,
    }
