"""`enrichd wait`: wait for a request that was enqueued before."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.cli.follow import COUNTERS, Follower, check_timeout, say_how_to_go_on
from manager.cli.ids import request_uuid
from manager.cli.options import DataDir, Json, examples, print_json, settings_for
from manager.client.sync import Manager
from manager.steps.context import Context


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "wait",
        epilog=examples("enrichd wait REQUEST_ID", "enrichd wait REQUEST_ID --timeout 600 --json"),
    )(wait)


def wait(
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST_ID", help="The request's id, or its beginning.")
    ],
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait at most; then exit code 4.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Wait until a request is finished.

    Interrupted or out of time, it can be called again: the request goes on.
    """
    check_timeout(timeout)
    settings = settings_for(data_dir)
    request = Manager(settings).request(request_uuid(settings, request_id))
    follower = Follower(request, Context(settings, "cli"), data_dir, quiet=as_json)
    try:
        follower.wait(timeout)
    finally:
        if as_json and (now := follower.now) is not None:
            counts = {name: getattr(now, name) for name in ("total", *COUNTERS)}
            print_json({"request_id": str(now.id), **counts, "finished": now.finished})
    if not as_json:
        say_how_to_go_on(request.id, follower.now, data_dir)
