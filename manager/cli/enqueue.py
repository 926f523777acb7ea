"""`enrichd enqueue`: ask for the companies of a file to be enriched."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from manager.api import Manager, Request, wait_timeout
from manager.cli.identifier_file import Format, IdentifierFile
from manager.cli.options import DataDir, Json, console, print_json, settings_for
from manager.errors import InvalidIdentifiersError, InvalidRequestError, WaitTimeoutError
from manager.identifiers import IDENTIFIER_TYPES, IdentifierType
from manager.requests import Progress as RequestProgress

COUNTERS = ("fulfilled", "not_found", "failed", "cancelled")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("enqueue")(enqueue)


def enqueue(
    file: Annotated[Path, typer.Argument(help="File of identifiers; - for standard input.")],
    type: Annotated[
        str, typer.Option(help=f"What the identifiers are: {', '.join(IDENTIFIER_TYPES)}.")
    ] = "domains",
    fields: Annotated[
        str, typer.Option(help="Dotted field paths to add to the default set, comma-separated.")
    ] = "",
    column: Annotated[
        str | None, typer.Option(help="Column of a CSV file, or member of JSONL objects.")
    ] = None,
    format: Annotated[
        Format | None, typer.Option(help="Default: by the file's ending, else lines.")
    ] = None,
    priority: Annotated[int, typer.Option(help="-100 to 100, higher first.")] = 0,
    max_age: Annotated[
        float | None, typer.Option(help="Seconds for which an earlier result is fresh enough.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="A repeated call with this key returns the first request.")
    ] = None,
    metadata: Annotated[str | None, typer.Option(help="A JSON object to keep with it.")] = None,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Enqueue the good identifiers, report the bad.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait at most (exit code 4 after that).")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Enqueue the identifiers of FILE as one request, all or nothing."""
    manager = Manager(settings_for(data_dir))
    source = IdentifierFile(file, column, format)
    try:
        request = manager.enqueue(
            identifier_type(type),
            source,
            fields=[path.strip() for path in fields.split(",") if path.strip()],
            priority=priority,
            max_age=max_age,
            idempotency_key=idempotency_key,
            metadata=_object(metadata),
            on_invalid="skip" if skip_invalid else "raise",
        )
    except InvalidIdentifiersError as error:
        raise _with_lines(error, source) from None
    if not as_json:
        _announce(request, source)
    try:
        now = _follow(request, timeout, quiet=as_json) if wait else request.progress()
    except WaitTimeoutError:
        if as_json:
            print_json(_summary(request, request.progress(), source))
        raise
    if as_json:
        print_json(_summary(request, now, source))
    elif wait:
        console.print("  ".join(f"{name} {getattr(now, name):,}" for name in COUNTERS))
        console.print(f"Read the results with: enrichd results {request.id}")


def identifier_type(name: str) -> IdentifierType:
    """The identifier type of that name. Raises InvalidRequestError."""
    if name not in IDENTIFIER_TYPES:
        raise InvalidRequestError(f"--type: {name!r} is not one of {', '.join(IDENTIFIER_TYPES)}.")
    return name  # type: ignore[return-value]


def _object(metadata: str | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    try:
        value = json.loads(metadata)
    except ValueError as error:
        raise InvalidRequestError(f"--metadata is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"--metadata must be a JSON object, not {metadata}.")
    return value


def _with_lines(error: InvalidIdentifiersError, source: IdentifierFile) -> InvalidRequestError:
    shown = [
        f"  line {source.line(bad.position)}: {str(bad).partition(': ')[2]}"
        for bad in error.invalid[: error.SHOWN]
    ]
    more = len(error.invalid) - len(shown)
    if more:
        shown.append(f"  … and {more:,} more")
    return InvalidRequestError(
        f"{source.name}: {len(error.invalid):,} of the {error.identifier_type} cannot be looked "
        "up; nothing was enqueued. Correct them, or use --skip-invalid.\n" + "\n".join(shown)
    )


def _announce(request: Request, source: IdentifierFile) -> None:
    what = "enqueued" if request.created else "had been enqueued before"
    console.print(f"Request {request.id}: {request.total:,} identifiers {what}.")
    for bad in request.invalid:
        text = str(bad).partition(": ")[2]
        print(f"left out: line {source.line(bad.position)}: {text}", file=sys.stderr)


def _summary(request: Request, now: RequestProgress, source: IdentifierFile) -> dict[str, Any]:
    return {
        "request_id": str(request.id),
        "created": request.created,
        "total": now.total,
        **{name: getattr(now, name) for name in COUNTERS},
        "finished": now.finished,
        "invalid": [asdict(bad) | {"line": source.line(bad.position)} for bad in request.invalid],
    }


def _follow(request: Request, timeout: float | None, quiet: bool) -> RequestProgress:
    """Wait for the request behind a progress bar on standard error."""
    deadline = None if timeout is None else time.monotonic() + timeout
    columns = (TextColumn("settled"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("settled", total=request.total)
        while True:
            left = math.inf if deadline is None else deadline - time.monotonic()
            try:
                now = request.wait(max(0.0, min(1.0, left)))
            except WaitTimeoutError:
                now = request.progress()
                bar.update(task, completed=now.settled)
                if timeout is not None and left <= 1.0:
                    raise wait_timeout(now, timeout) from None
            else:
                bar.update(task, completed=now.settled)
                return now
