"""`enrichd results`: what became of each identifier of a request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, TypeAlias

import typer

from manager.cli.ids import request_uuid
from manager.cli.options import DataDir, Json, examples, settings_for
from manager.cli.results import csv, file, jsonl, parquet
from manager.client import paths
from manager.client.arguments import OUTCOMES, checked_outcomes
from manager.client.follow import Row
from manager.client.sync import Manager, Request
from manager.client.table import Table
from manager.errors import InvalidRequestError

Write: TypeAlias = Callable[[Table, Iterable[Sequence[Row]], IO[bytes]], None]
EXAMPLES = examples(
    "enrichd results REQUEST_ID | head",
    "enrichd results REQUEST_ID --output companies.csv --bom",
    "enrichd results REQUEST_ID --outcome not_found,failed --format csv",
    "enrichd results REQUEST_ID --fields basic_info.name,headcount.total --format csv",
    "enrichd results REQUEST_ID --flatten --output companies.parquet",
)


class OutputFormat(StrEnum):
    """How results are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_ENDINGS = {
    ".csv": OutputFormat.CSV,
    ".parquet": OutputFormat.PARQUET,
    ".pq": OutputFormat.PARQUET,
}
# What a file so called would be opened as, and is not.
_OTHERS = {".xlsx", ".xls", ".ods", ".tsv", ".arrow", ".feather", ".gz", ".zst", ".bz2", ".xz"}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("results", epilog=EXAMPLES)(results)


def results(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The request's id.")],
    format: Annotated[
        OutputFormat | None,
        typer.Option(help="Default: by the ending of --output, else jsonl.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write to this file; it appears when it is whole.")
    ] = None,
    outcome: Annotated[
        str,
        typer.Option(
            help=f"Only these, comma-separated: {', '.join(OUTCOMES)} (has none yet). Default: all."
        ),
    ] = "",
    fields: Annotated[
        str,
        typer.Option(
            help="Dotted field paths, comma-separated: a column for each in place of the record."
        ),
    ] = "",
    flatten: Annotated[
        bool | None,
        typer.Option(
            help="A column for each field path that any record has, or has below --fields. "
            "Default: for csv without --fields.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="CSV: leave what a spreadsheet would execute as it is.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="CSV: begin with the mark by which Excel knows UTF-8.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print one line for each identifier that the caller wrote.

    In the caller's order and spelling, repeats included; what waits has no outcome yet. `position`
    is the place in the call, from 0; `fetched_at` when the vendor was asked. --json
    is the same as --format jsonl. In CSV a cell that a spreadsheet would take for a formula has an
    apostrophe before it. Parquet needs the extra `arrow`.
    """
    if as_json:
        format = OutputFormat.JSONL
    elif format is None:
        ending = output.suffix.lower() if output is not None else ""
        if ending in _OTHERS:
            raise InvalidRequestError(
                f"--output: results are not written as {ending}; end it with .csv, .parquet or "
                ".jsonl, or say --format."
            )
        format = _ENDINGS.get(ending, OutputFormat.JSONL)
    if (raw or bom) and format is not OutputFormat.CSV:
        raise InvalidRequestError(f"--raw and --bom are for CSV; the format is {format}.")
    chosen = paths.split(fields)
    wanted = checked_outcomes([it for part in outcome.split(",") if (it := part.strip())] or None)
    if flatten is None:
        flatten = format is OutputFormat.CSV and not chosen
    settings = settings_for(data_dir)
    request = Manager(settings).request(request_uuid(settings, request_id))
    table = Table(request.progress().endpoint, flatten=flatten, fields=chosen)
    write = _writer(format, raw=raw, bom=bom)
    with file.opened(output, binary=format is OutputFormat.PARQUET) as target:
        write(table, request.pages(wanted), target)
    for remark in table.remarks():
        print(f"enrichd: {remark}", file=sys.stderr)


def write_jsonl(request: Request, output: Path) -> None:
    """Write a request's results to a file that appears only when it is whole."""
    table = Table(request.progress().endpoint, flatten=False, fields=None)
    with file.opened(output, binary=False) as target:
        jsonl.write(table, request.pages(), target)


def _writer(format: OutputFormat, *, raw: bool, bom: bool) -> Write:
    match format:
        case OutputFormat.JSONL:
            return jsonl.write
        case OutputFormat.CSV:
            return csv.Writer(raw=raw, bom=bom)
        case OutputFormat.PARQUET:
            return parquet.write
