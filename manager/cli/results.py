"""`enrichd results`: what became of each identifier of a request."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from manager.cli.options import DataDir, Json, examples, settings_for
from manager.client.follow import Result
from manager.client.sync import Manager, Request
from manager.endpoints import ENDPOINTS
from manager.errors import InvalidRequestError

# Before a record's field that has the name of one of these columns.
RECORD = "record."
EXAMPLES = examples(
    "enrichd results REQUEST_ID | head",
    "enrichd results REQUEST_ID --format csv --output companies.csv",
)


class OutputFormat(StrEnum):
    """How results are written."""

    JSONL = "jsonl"
    CSV = "csv"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("results", epilog=EXAMPLES)(results)


def results(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The request's id.")],
    format: Annotated[
        OutputFormat, typer.Option(help="csv has a column for each field of the records.")
    ] = OutputFormat.JSONL,
    output: Annotated[
        Path | None, typer.Option(help="Write to this file; it appears when it is whole.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print one line for each identifier that the caller wrote.

    In the caller's order and spelling, repeats included; what waits has no outcome yet. --json
    is the same as --format jsonl.
    """
    request = Manager(settings_for(data_dir)).request(request_id)
    write = write_csv if format is OutputFormat.CSV and not as_json else write_jsonl
    if output is None:
        write(request, sys.stdout)
        sys.stdout.flush()
    else:
        write_file(request, output, write)


def write_file(request: Request, output: Path, write: Callable[[Request, IO[str]], None]) -> None:
    """Write the results to a file that appears only when it is whole."""
    with _whole(output) as file:
        write(request, file)


def write_jsonl(request: Request, file: IO[str]) -> None:
    """One JSON object a line: identifier, outcome, company_id or person_id, record, reason."""
    vendor_id = _vendor_id(request)
    for result in request.results():
        line = {
            "identifier": result.identifier,
            "outcome": result.outcome,
            vendor_id: result.vendor_id,
            "record": result.record,
            "reason": result.reason,
        }
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_csv(request: Request, file: IO[str]) -> None:
    """One row an identifier; the records' fields as columns, named by their dotted paths.

    The columns are known only at the end, so the rows wait in a temporary file.
    """
    named = ("identifier", "outcome", _vendor_id(request), "reason")
    paths: set[str] = set()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        for result in request.results():
            leaves = dict(_leaves(result.record))
            paths.update(leaves)
            spool.write(json.dumps([_head(result), leaves]) + "\n")
        spool.seek(0)
        columns = sorted(paths)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*named, *(RECORD + path if path in named else path for path in columns)])
        for line in spool:
            head, leaves = json.loads(line)
            writer.writerow([*head, *(leaves.get(path) for path in columns)])


def _head(result: Result) -> list[Any]:
    return [result.identifier, result.outcome, result.vendor_id, result.reason]


def _vendor_id(request: Request) -> str:
    """What the vendor's id of what was bought is called: company_id, person_id."""
    bought = ENDPOINTS.get(request.progress().endpoint)
    return f"{bought.entity}_id" if bought else "vendor_id"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted paths of a record and their values; lists and truth values as JSON."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else name)
    elif path:
        yield (
            path,
            json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else value,
        )


@contextmanager
def _whole(output: Path) -> Iterator[IO[str]]:
    """The file, opened beside its place; one that is no regular file is written to as it is."""
    output = output.expanduser()
    try:
        if output.exists() and not output.is_file():
            with output.open("w", encoding="utf-8", newline="") as file:
                yield file
            return
        output = output.resolve()  # of a symbolic link its target is replaced, not the link
        partial = output.with_name(output.name + ".partial")
        try:
            with partial.open("w", encoding="utf-8", newline="") as file:
                yield file
            os.replace(partial, output)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"{output} cannot be written: {error.strerror}.") from None
