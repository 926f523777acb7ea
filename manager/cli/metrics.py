"""`enrichd metrics`: what `/metrics` shows, without a server."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from manager.cli.options import DataDir, Json, examples, print_json, settings_for
from manager.errors import ConfigurationError
from manager.operator.metrics import Collected, render, scrape
from manager.steps.context import Context

FILE = "enrichd.prom"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "metrics",
        epilog=examples(
            "enrichd metrics",
            "enrichd metrics --textfile /var/lib/prometheus/node-exporter",
            "enrichd metrics --json",
        ),
    )(metrics)


def metrics(
    textfile: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Write {FILE} there at once, for node_exporter's textfile collector.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print what Prometheus would read at /metrics.

    Exit code 1 when the ledger or Redis could not be read; what is known is printed all the same.
    """
    context = Context(settings_for(data_dir), "cli")
    try:
        found = scrape(context)
    finally:
        context.close()
    text, _ = render(found)
    if textfile is not None:
        _replace(textfile, text)
    elif as_json:
        print_json(_series(found))
    else:
        sys.stdout.write(text.decode())
    raise typer.Exit(0 if found.values["enrichd_up"][()] else 1)


def _series(found: Collected) -> list[dict[str, object]]:
    return [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in found.collect()
        for sample in family.samples
    ]


def _replace(directory: Path, text: bytes) -> None:
    """Whoever reads the file finds it as it was or as it is."""
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{FILE}.", dir=directory)
        with open(handle, "wb") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, directory / FILE)
    except OSError as error:
        raise ConfigurationError(
            f"--textfile: {directory / FILE} cannot be written: {error.strerror or error}."
        ) from None
