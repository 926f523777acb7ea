"""What is told of the files that identifiers come from, and of the bad ones among these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from manager.cli.files import IdentifierFiles
from manager.cli.options import print_line
from manager.errors import InvalidIdentifier
from manager.identifiers import MISSING, is_missing


def said(bad: InvalidIdentifier, source: IdentifierFiles) -> str:
    """Where it stands, what it is, and why it cannot be looked up."""
    what = str(bad).partition(": ")[2] if bad.reason != MISSING else "the identifier is missing"
    return f"{source.said(bad.position)}: {what}"


def say_files(source: IdentifierFiles) -> None:
    """How the files were read, where that was not plain to see."""
    for file in source.files:
        if not file.found.is_plain:
            print_line(f"{file.name}: {file.found}.")


def as_objects(invalid: Sequence[InvalidIdentifier], source: IdentifierFiles) -> list[Any]:
    """The same for programs."""
    return [_as_object(bad, source) for bad in invalid]


def files_as_objects(source: IdentifierFiles) -> list[Any]:
    """How the files were read, for programs."""
    return [{"name": it.name, "identifiers": len(it)} | asdict(it.found) for it in source.files]


def _as_object(bad: InvalidIdentifier, source: IdentifierFiles) -> dict[str, Any]:
    file, number = source.at(bad.position)
    told = asdict(bad) | {"line": number}
    if is_missing(bad.value):  # JSON knows one kind of nothing
        told["value"] = None
    return told if len(source.files) == 1 else told | {"file": file.name}
