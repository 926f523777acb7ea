"""What `enrichd jobs` can do to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from manager.cli.acting import acting
from manager.cli.options import examples

ID = "JOB_ID"


def add_actions(group: typer.Typer) -> None:
    """Add them to the group."""
    group.command(
        "retry",
        epilog=examples(
            "enrichd jobs retry JOB_ID", "enrichd jobs retry --state failed,expired --since 2h"
        ),
    )(retry)
    group.command("cancel", epilog=examples("enrichd jobs cancel JOB_ID"))(cancel)
    group.command("give-up", epilog=examples("enrichd jobs give-up JOB_ID"))(give_up)
    group.command(
        "merge",
        epilog=examples(
            "enrichd jobs merge JOB_ID", "enrichd jobs merge JOB_ID --file results.jsonl"
        ),
    )(merge)


@acting("job.retry", ID)
def retry() -> dict[str, Any]:
    """Buy again what has failed in jobs, for the requests that wanted it: they are open again."""
    return {}


@acting("job.cancel", ID)
def cancel() -> dict[str, Any]:
    """Dissolve jobs that are packed: what is in them waits for another job.

    Pause its lane, or cancel its requests, to keep it from that. A job that the vendor has cannot
    be cancelled there; `enrichd jobs give-up` frees its slot.
    """
    return {}


@acting("job.give-up", ID)
def give_up() -> dict[str, Any]:
    """Free the slot of a job that does not end.

    Its identifiers fail. The vendor may still be at work on it: a job too many may be active
    then, and be refused with 429. Whoever retries or enqueues the identifiers again pays again if
    the vendor delivers both. What the vendor delivers later is merged all the same.
    """
    return {}


@acting("job.merge", ID)
def merge(
    file: Annotated[
        Path | None,
        typer.Option(help="The results, from the vendor's dashboard for example.", metavar="FILE"),
    ] = None,
) -> dict[str, Any]:
    """Merge a job's results once more.

    For those that could not be read, or were in doubt. From FILE, else from the file that was
    kept, else from the vendor with fresh links. What has failed and is in them becomes fulfilled;
    nothing is bought and nothing else changes.
    """
    return {"file": None if file is None else str(file)}
