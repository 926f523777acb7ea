"""`enrichd refresh` and `retry`: buy enrichments again that are old, or that have failed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from manager.cli.acting import acting
from manager.cli.options import examples

Metadata = Annotated[
    str | None,
    typer.Option("--with-metadata", metavar="JSON", help="Metadata of the requests that it makes."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(
        "refresh",
        epilog=examples(
            "enrichd refresh --older-than 90d --dry-run",
            "enrichd refresh --older-than 30d --lane 7 --priority -10",
            "enrichd refresh --older-than 1d --request REQUEST_ID --yes",
        ),
    )(refresh)
    app.command(
        "retry",
        epilog=examples(
            'enrichd retry --reason "timed out" --since 2h', "enrichd retry --identifier stripe.com"
        ),
    )(retry)


@acting("enrichment.refresh", "ENRICHMENT")
def refresh(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="SPAN", help="How old: 90d, 12h, 30min.")
    ],
    priority: Annotated[int, typer.Option(help="Of the new requests.")] = 0,
    spend_tag: Annotated[
        str | None,
        typer.Option("--spend-tag", metavar="TAG", help="By which budgets and statistics go."),
    ] = None,
    metadata: Metadata = None,
) -> dict[str, Any]:
    """Buy again what is older than SPAN.

    For new requests, one a lane, by which it is followed; those that have the older result keep
    it. Without a filter say --all.
    """
    return {
        "older_than": older_than,
        "priority": priority,
        "tag": spend_tag,
        "metadata": metadata,
    }


@acting("enrichment.retry", "ENRICHMENT")
def retry() -> dict[str, Any]:
    """Buy again what has failed; its requests are open again.

    See also `enrichd requests retry-failed` and `enrichd jobs retry`.
    """
    return {}
