"""`enrichd cancel` and `resolve`: settle a request, or a submission whose answer was lost."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.cli.acting import By, DryRun, Why, Yes, act, actor, chosen
from manager.cli.ids import request_uuid
from manager.cli.options import DataDir, Json, examples, print_json, print_line, settings_for
from manager.client.sync import Manager
from manager.errors import InvalidRequestError
from manager.operator.actions import perform
from manager.operator.chosen import choose
from manager.steps.context import Context


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
    why: Why = None,
    by: By = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a request: what waits is not bought for it.

    What is in a job already is still bought, but no longer for this request.
    """
    context = Context(settings_for(data_dir), "cli")
    request = Manager(context.settings).request(request_uuid(context.settings, request_id))
    perform(
        context, "request.cancel", choose("request", {"id": str(request.id)}), {}, actor(by, why)
    )
    now = request.progress()
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
    why: Why = None,
    by: By = None,
    dry_run: DryRun = False,
    yes: Yes = False,
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
    action = "job.send-again" if again else "job.adopt"
    values = {"force": force} | ({} if again else {"batch_id": batch_id})
    what = chosen(context, action, [job_id], {}, everything=False)
    who = actor(by, why)
    act(context, action, what, values, who, yes=yes, as_json=as_json, dry_run=dry_run, named=True)
