"""The options by which a command is told how to read files of identifiers."""

from __future__ import annotations

from typing import Annotated

import typer

from manager.cli.files.options import Format

Column = Annotated[
    str | None,
    typer.Option(help="Column with the identifiers, by its name or number; member of objects."),
]
FileFormat = Annotated[
    Format | None, typer.Option(help="Default: by what is in the file, and its ending.")
]
Delimiter = Annotated[
    str | None,
    typer.Option(help="What stands between columns: , ; | tab. Default: what most rows say."),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Such as latin-1. Default: by the byte order mark, else UTF-8."),
]
Sheet = Annotated[
    str | None,
    typer.Option(help="Sheet of a spreadsheet, by its name or number. Default: the first."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row names the columns. Default: if it surely does.",
    ),
]
