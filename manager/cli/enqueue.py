"""`enrichd enqueue`: ask for the companies, or people, of a file to be enriched."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from manager.cli.estimate import say_estimate
from manager.cli.files import IdentifierFiles, Options
from manager.cli.files.arguments import Column, Delimiter, Encoding, FileFormat, Header, Sheet
from manager.cli.follow import Follower
from manager.cli.options import (
    DataDir,
    Json,
    examples,
    print_json,
    print_line,
    program,
    settings_for,
)
from manager.cli.tables import counted
from manager.cli.told import as_objects, files_as_objects, said, say_files
from manager.client.enqueue import DEFAULT_ENDPOINT
from manager.client.follow import Progress as RequestProgress
from manager.client.sync import Manager, Request
from manager.endpoints import ENDPOINTS
from manager.errors import InvalidIdentifiersError, InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, IdentifierType
from manager.steps.context import Context

MAX_TIMEOUT = 30 * 86_400
COUNTERS = ("fulfilled", "not_found", "failed", "cancelled")
EXAMPLES = examples(
    "enrichd enqueue domains.txt",
    "enrichd enqueue companies.csv --column website --fields headcount.total,funding",
    "enrichd enqueue ids.jsonl --type crustdata_company_ids --column id --wait --timeout 600",
    "enrichd enqueue people.txt --account crm --endpoint person/enrich --type business_emails",
    "enrichd enqueue export.xlsx more.csv.gz --column Website --dry-run",
    "cat names.txt | enrichd enqueue - --type names --wait --json",
)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("enqueue", epilog=EXAMPLES)(enqueue)


def enqueue(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Identifiers: one a line, CSV, JSON, Parquet or Excel, packed or not; "
            "- for standard input. Several files are one request.",
        ),
    ],
    type: Annotated[
        str | None,
        typer.Option(
            help=f"What the identifiers are: {', '.join(IDENTIFIER_TYPES)}. "
            "Default: the first that the endpoint takes, domains of a company."
        ),
    ] = None,
    fields: Annotated[
        str,
        typer.Option(
            help="Dotted field paths, comma-separated, to add to the default set where the "
            "endpoint has one."
        ),
    ] = "",
    endpoint: Annotated[
        str, typer.Option(help=f"What is bought: {', '.join(ENDPOINTS)}.")
    ] = DEFAULT_ENDPOINT,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The account that buys. Default: the configured one."),
    ] = None,
    column: Column = None,
    format: FileFormat = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header: Header = None,
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be bought, and enqueue nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds to --wait at most; then exit code 4."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Enqueue the identifiers of the files as one request.

    All or nothing: one bad identifier refuses them all, unless --skip-invalid is given.
    """
    _check_timeout(timeout, wait)
    settings = settings_for(data_dir)
    selection = [path.strip() for path in fields.split(",") if path.strip()]
    kind = _identifier_type(endpoint, type, selection)
    reading = Options(kind, column, format, delimiter, encoding, sheet, header)
    source = IdentifierFiles(files, reading)
    if dry_run:
        estimate = Manager(settings).estimate(
            kind, source, endpoint=endpoint, account=account, fields=selection, max_age=max_age
        )
        say_estimate(estimate, source, skip_invalid=skip_invalid, as_json=as_json)
        return
    try:
        request = Manager(settings).enqueue(
            kind,
            source,
            endpoint=endpoint,
            account=account,
            fields=selection,
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
    follower = Follower(request, Context(settings, "cli"), quiet=as_json)
    try:
        if wait:
            follower.wait(timeout)
        elif as_json:
            follower.look()
    finally:  # whatever happens from here on, the caller is told the request's id
        if as_json:
            print_json(_summary(request, follower.now, source))
    if not as_json:
        _say_how_to_go_on(request.id, follower.now, data_dir)


def _check_timeout(timeout: float | None, wait: bool) -> None:
    if timeout is None:
        return
    if not wait:
        raise InvalidRequestError("--timeout is how long to --wait at most; give both.")
    if not 0 <= timeout <= MAX_TIMEOUT:  # NaN is no number of seconds either
        raise InvalidRequestError(f"--timeout: {timeout:g} is not from 0 to {MAX_TIMEOUT} seconds.")


def _say_how_to_go_on(request_id: UUID, now: RequestProgress | None, data_dir: Path | None) -> None:
    at = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    if now is None:
        print_line(f"See how far it is: {program()} requests {request_id}{at}")
        return
    print_line(", ".join(f"{name} {getattr(now, name):,}" for name in COUNTERS))
    print_line(f"Read the results: {program()} results {request_id}{at}")


def _identifier_type(name: str, type: str | None, fields: list[str]) -> IdentifierType:
    """The identifier type that is meant; the endpoint takes it. Raises InvalidRequestError."""
    if name not in ENDPOINTS:
        raise InvalidRequestError(f"--endpoint: {name!r} is not one of {', '.join(ENDPOINTS)}.")
    wanted = ENDPOINTS[name]
    if type is None:
        type = wanted.identifier_types[0]
    if type not in IDENTIFIER_TYPES:
        known = ", ".join(wanted.identifier_types)
        raise InvalidRequestError(f"--type: {type!r} is not one of {known}.")
    wanted.check(type, fields)
    return type  # type: ignore[return-value]


def _object(metadata: str | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    try:
        value = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"--metadata is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"--metadata must be a JSON object, not {metadata[:80]}.")
    return value


def _with_lines(error: InvalidIdentifiersError, source: IdentifierFiles) -> InvalidRequestError:
    shown = [f"  {said(bad, source)}" for bad in error.invalid[: error.SHOWN]]
    more = len(error.invalid) - len(shown)
    if more:
        shown.append(f"  … and {more:,} more")
    return InvalidRequestError(
        f"{source.name}: {len(error.invalid):,} of the {error.identifier_type} cannot be looked "
        "up; nothing was enqueued. Correct them, or use --skip-invalid.\n" + "\n".join(shown)
    )


def _announce(request: Request, source: IdentifierFiles) -> None:
    say_files(source)
    what = "enqueued" if request.created else "had been enqueued before"
    print_line(f"Request {request.id}: {counted(request.total, 'identifier')} {what}.")
    for bad in request.invalid:
        print(f"left out: {said(bad, source)}", file=sys.stderr)


def _summary(
    request: Request, now: RequestProgress | None, source: IdentifierFiles
) -> dict[str, Any]:
    return {
        "request_id": str(request.id),
        "created": request.created,
        "total": request.total,
        **{name: getattr(now, name, None) for name in COUNTERS},
        "finished": now is not None and now.finished,
        "invalid": as_objects(request.invalid, source),
        "files": files_as_objects(source),
    }
