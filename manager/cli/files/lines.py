"""Plain lines: each is an identifier."""

from __future__ import annotations

from collections.abc import Iterator

from manager.cli.files.decode import MAX_LINE, Text
from manager.cli.files.header import ask, is_header
from manager.cli.files.options import Options
from manager.client.staging import Unusable


def read(text: Text, options: Options) -> Iterator[tuple[int, object]]:
    """(line, identifier) of each line that is not blank."""
    first = True
    for line in _lines(text):
        if first and options.header:
            first = False
            continue
        if first and options.header is None and _may_be_header(line, options):
            raise ask(line, options, text.name, f"line {text.number}")
        first = False
        if "\t" in line.strip() and options.format is None:
            yield text.number, Unusable(line, "contains a tab: columns need --column")
        else:
            yield text.number, line


def _lines(text: Text) -> Iterator[str]:
    """Lines that are not blank; whatever Unicode and word processors end a line with ends one."""
    for ended in text.lines(MAX_LINE):
        for line in ended.splitlines():
            if line.strip():
                yield line


def _may_be_header(line: str, options: Options) -> bool:
    return options.type == "names" and is_header(line, "names")
