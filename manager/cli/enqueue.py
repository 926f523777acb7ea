"""`enrichd enqueue`: ask for the companies, or people, of a file to be enriched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from manager.cli.estimate import say_estimate
from manager.cli.files import IdentifierFiles, Options
from manager.cli.files.arguments import Column, Delimiter, Encoding, FileFormat, Header, Sheet
from manager.cli.follow import COUNTERS, Follower, check_timeout, say_how_to_go_on
from manager.cli.options import (
    DataDir,
    Json,
    examples,
    print_json,
    print_line,
    settings_for,
)
from manager.cli.told import as_objects, files_as_objects, said, say_files
from manager.client.enqueue import DEFAULT_ENDPOINT
from manager.client.follow import Progress as RequestProgress
from manager.client.sync import Manager, Request
from manager.endpoints import ENDPOINTS
from manager.errors import InvalidIdentifiersError, InvalidRequestError
from manager.identifiers import IDENTIFIER_TYPES, IdentifierType
from manager.operator.words import counted
from manager.steps.context import Context

EXAMPLES = examples(
    "enrichd enqueue domains.txt",
    "echo stripe.com | enrichd enqueue - --now --wait",
    "enrichd enqueue companies.csv --column website --fields headcount.total,funding",
    "enrichd enqueue ids.jsonl --type crustdata_company_ids --column id --wait --timeout 600",
    "enrichd enqueue people.txt --account crm --endpoint person/enrich --type business_emails",
    "enrichd enqueue export.xlsx more.csv.gz --column Website --dry-run",
    "enrichd enqueue domains.txt --notify https://hooks.example.com/enrichd",
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
    tag: Annotated[
        str | None, typer.Option(help="Whose purchase it is; budgets and stats go by it.")
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help="Whom to tell of what becomes of it: https://HOST/PATH, task:NAME, pg:CHANNEL, or "
            "a name in the daemon's notify_targets. May be given several times.",
        ),
    ] = None,
    notify_event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EVENT", help="What to tell them: request.finished, request.progress; both."
        ),
    ] = None,
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Do not wait for more identifiers, to fill a job: for a few that are urgent.",
        ),
    ] = False,
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
            kind,
            source,
            endpoint=endpoint,
            account=account,
            fields=selection,
            max_age=max_age,
            tag=tag,
            linger=not now,
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
            tag=tag,
            linger=not now,
            on_invalid="skip" if skip_invalid else "raise",
            notify=notify,
            notify_events=notify_event or (),  # type: ignore[arg-type]  # it is checked there
        )
    except InvalidIdentifiersError as error:
        raise _with_lines(error, source) from None
    lingers = 0.0 if now or not request.new else settings.linger
    if not as_json:
        _announce(request, source, lingers)
    follower = Follower(request, Context(settings, "cli"), data_dir, quiet=as_json, lingers=lingers)
    try:
        if wait:
            follower.wait(timeout)
        elif as_json or request.hits == request.total:
            follower.look()
    finally:  # whatever happens from here on, the caller is told the request's id
        if as_json:
            print_json(_summary(request, follower.now, source))
    if not as_json:
        say_how_to_go_on(request.id, follower.now, data_dir)


def _check_timeout(timeout: float | None, wait: bool) -> None:
    if timeout is not None and not wait:
        raise InvalidRequestError("--timeout is how long to --wait at most; give both.")
    check_timeout(timeout)


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


def _announce(request: Request, source: IdentifierFiles, lingers: float) -> None:
    say_files(source)
    count = counted(request.total, "identifier")
    what = f"{count} had been enqueued before" if not request.created else f"{count} enqueued"
    print_line(f"Request {request.id}: {what}{_bought(request)}.")
    if lingers and not request.progress().finished:
        print_line(f"They wait up to {lingers:g} s for more, to fill a job; --now does not.")
    for bad in request.invalid:
        print(f"left out: {said(bad, source)}", file=sys.stderr)


def _bought(request: Request) -> str:
    """What of it is bought."""
    if request.hits == request.total:
        return ", all fresh: nothing is bought" if request.total else ""
    counts = (
        (request.new, "new"),
        (request.joined, "asked for already"),
        (request.hits, "fresh"),
    )
    said = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f": {said}" if request.new else f": {said}; nothing more is bought"


def _summary(
    request: Request, now: RequestProgress | None, source: IdentifierFiles
) -> dict[str, Any]:
    return {
        "request_id": str(request.id),
        "created": request.created,
        "total": request.total,
        "new": request.new,
        "joined": request.joined,
        "hits": request.hits,
        **{name: getattr(now, name, None) for name in COUNTERS},
        "finished": now is not None and now.finished,
        "invalid": as_objects(request.invalid, source),
        "files": files_as_objects(source),
    }
