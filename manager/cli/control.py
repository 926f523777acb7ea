"""`enrichd cancel` and `resolve`: settle a request, or a submission whose answer was lost."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.cli.options import (
    DataDir,
    Json,
    ask_first,
    examples,
    job_uuid,
    print_json,
    print_line,
    settings_for,
)
from manager.client.sync import Manager
from manager.errors import InvalidRequestError
from manager.operator import resolution
from manager.operator.accounts import wake
from manager.operator.job import account_of
from manager.steps.context import Context

MAX_BATCH_ID = 200


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("cancel", epilog=examples("enrichd cancel REQUEST_ID"))(cancel)
    app.command(
        "resolve",
        epilog=examples(
            "enrichd resolve JOB_ID --adopt BATCH_ID", "enrichd resolve JOB_ID --send-again"
        ),
    )(resolve)


def cancel(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The request's id.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a request: what waits is not bought for it.

    What is in a job already is still bought, but no longer for this request.
    """
    now = Manager(settings_for(data_dir)).request(request_id).cancel()
    if as_json:
        print_json({"request_id": now.id, "total": now.total, "cancelled": now.cancelled})
    else:
        print_line(f"{now.cancelled:,} of {now.total:,} identifiers were cancelled.")


def resolve(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="A job that is `submitting`.")],
    batch_id: Annotated[
        str | None, typer.Option("--adopt", metavar="BATCH_ID", help="The vendor has it as this.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--send-again", help="The vendor does not have it: submit it again.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Against signs to the contrary, never against proof.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what became of a submission whose answer was lost.

    Only for one that stays unresolved: the daemon finds out by itself as soon as the jobs at the
    vendor that may be this one (`enrichd jobs JOB_ID` names them) have ended and can be read.
    """
    if again == (batch_id is not None):
        raise InvalidRequestError("Say either --adopt BATCH_ID or --send-again.")
    context = Context(settings_for(data_dir), "cli")
    wanted = job_uuid(job_id)
    if batch_id is not None:
        batch_id = batch_id.strip()
        if not batch_id.isprintable() or not 0 < len(batch_id) <= MAX_BATCH_ID:
            raise InvalidRequestError(
                f"--adopt must be 1 to {MAX_BATCH_ID} printable characters, not {batch_id[:80]!r}."
            )
        resolution.adopt(context, wanted, batch_id, force=force)
    else:
        question = "If the vendor has it after all, it is paid twice. Go on?"
        ask_first(question, yes=yes, as_json=as_json)
        resolution.send_again(context, wanted, force=force)
    wake(context.settings, account_of(context, wanted).name)
    if as_json:
        print_json({"job_id": job_id, "batch_id": batch_id})
    else:
        print_line(f"Job {job_id} " + (f"is {batch_id}." if batch_id else "is submitted again."))
