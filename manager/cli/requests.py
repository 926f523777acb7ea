"""`enrichd requests`: the requests, or one of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlmodel import Session, select

from manager.cli.accounts import account_column
from manager.cli.options import Account, DataDir, Endpoint, Json, Limit, examples, settings_for
from manager.cli.tables import show_list, show_one
from manager.client.follow import Progress
from manager.client.sync import Manager
from manager.endpoints import endpoint as known_endpoint
from manager.ledger import migrate, models

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
    settings = settings_for(data_dir)
    if request_id is not None:
        show_one(_progress(Manager(settings).request(request_id).progress()), as_json)
        return
    which = account_column(settings, account)
    query = (
        select(models.Request, models.Lane, models.Account.name)
        .join(models.Lane, models.Lane.id == models.Request.lane_id)  # type: ignore[arg-type]
        .join(models.Account, models.Account.id == models.Lane.account_id)  # type: ignore[arg-type]
        .order_by(models.Request.id.desc())  # type: ignore[attr-defined]
        .limit(limit)
    )
    if account is not None:
        query = query.where(models.Account.name == account)
    if endpoint is not None:
        query = query.where(models.Lane.endpoint == known_endpoint(endpoint).name)
    with Session(migrate.engine(settings, "cli")) as session:
        listed = [_request(*row) for row in session.exec(query)]
    columns = ("request_id", *which, "endpoint", "type", "fields")
    show_list(listed, (*columns, *COUNTERS, "created_at"), as_json)


def _request(request: models.Request, lane: models.Lane, account: str) -> dict[str, Any]:
    return {
        "request_id": request.id,
        "account": account,
        "endpoint": lane.endpoint,
        "type": lane.identifier_type,
        "fields": lane.fields,
        "priority": request.priority,
        **{name: getattr(request, name) for name in COUNTERS},
        "created_at": request.created_at,
        "finished_at": request.finished_at,
    }


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
