"""What `enrichd requests` can do to requests."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from manager.cli.acting import acting
from manager.cli.options import examples

ID = "REQUEST_ID"


def add_actions(group: typer.Typer) -> None:
    """Add them to the group."""
    group.command(
        "cancel",
        epilog=examples(
            "enrichd requests cancel REQUEST_ID", "enrichd requests cancel --metadata batch=7"
        ),
    )(cancel)
    group.command(
        "retry-failed",
        epilog=examples(
            "enrichd requests retry-failed REQUEST_ID",
            "enrichd requests retry-failed --since 1d --dry-run",
        ),
    )(retry_failed)
    group.command(
        "reprioritise",
        epilog=examples("enrichd requests reprioritise REQUEST_ID --priority 50"),
    )(reprioritise)
    group.command(
        "prune", epilog=examples("enrichd requests prune --account crm --older-than 90d")
    )(prune)


@acting("request.cancel", ID)
def cancel() -> dict[str, Any]:
    """Settle what waits as cancelled.

    It is not bought, unless other requests want it too. What is in a job already is still bought,
    but no longer for these requests.
    """
    return {}


@acting("request.retry", ID)
def retry_failed() -> dict[str, Any]:
    """Buy again what has failed: the requests are open again."""
    return {}


@acting("request.reprioritise", ID)
def reprioritise(
    priority: Annotated[int, typer.Option(help="The new one, from -100 to 100.")],
) -> dict[str, Any]:
    """Give open requests another priority.

    What another open request wants more urgently stays as urgent; what is in a job goes on.
    """
    return {"priority": priority}


@acting("request.prune", ID)
def prune(
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="SPAN", help="Finished so long ago: 90d, 12h."),
    ] = None,
) -> dict[str, Any]:
    """Remove finished requests with their items. What was bought for them stays."""
    return {"older_than": older_than}
