"""Options that several commands share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from manager.settings import Settings, load_settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="ENRICHD_DATA_DIR",
        help="Directory of an embedded installation (see `enrichd up --embedded`).",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

console = Console(highlight=False)


def settings_for(data_dir: Path | None, **overrides: Any) -> Settings:
    """The settings, read with the command's --data-dir."""
    if data_dir is not None:
        data_dir = data_dir.expanduser().absolute()
        os.environ["ENRICHD_DATA_DIR"] = str(data_dir)
    return load_settings(data_dir=data_dir, **overrides)


def print_json(value: Any) -> None:
    """One JSON value on one line of standard output."""
    print(json.dumps(value, default=str, ensure_ascii=False))
