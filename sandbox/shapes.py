"""The shapes in which results files come, other than one gzip member a part.

The vendor's are gzipped JSON lines [seed]; what proxies and other writers make of them is here.
"""

import gzip
from collections.abc import Collection, Sequence
from typing import Literal, get_args

Shape = Literal["members", "gzip_twice", "plain", "bom", "crlf", "blank_lines", "no_last_newline"]
"""What may be different, any of them at once:

- `members`: every file is several gzip members in a row
- `gzip_twice`: gzip in gzip
- `plain`: not compressed at all, whatever the name says
- `bom`: a byte order mark at the beginning of the whole file, and of each part
- `crlf`: lines end with CR LF
- `blank_lines`: a blank line before, between and after the others; they don't count
- `no_last_newline`: the last line of the whole file, and of each part, has no end
"""

SHAPES: frozenset[str] = frozenset(get_args(Shape))

_LEVEL = 1
_BOM = b"\xef\xbb\xbf"


def write(pieces: Sequence[list[bytes]], shapes: Collection[Shape]) -> bytes:
    """A file of these lines; each piece is a gzip member of its own."""
    if "members" in shapes:
        pieces = [half for lines in pieces for half in _halves(lines)]
    texts = [_text(lines, shapes) for lines in pieces]
    if "bom" in shapes:
        texts[0] = _BOM + texts[0]
    if "no_last_newline" in shapes:
        texts[-1] = texts[-1].rstrip(b"\r\n")
    if "plain" in shapes:
        return b"".join(texts)
    packed = b"".join(gzip.compress(text, _LEVEL, mtime=0) for text in texts)
    return gzip.compress(packed, _LEVEL, mtime=0) if "gzip_twice" in shapes else packed


def _halves(lines: list[bytes]) -> list[list[bytes]]:
    middle = len(lines) // 2
    return [lines[:middle], lines[middle:]]


def _text(lines: list[bytes], shapes: Collection[Shape]) -> bytes:
    if "blank_lines" in shapes:
        lines = [b"\n", *(line + b"\n" for line in lines)]
    text = b"".join(lines)
    return text.replace(b"\n", b"\r\n") if "crlf" in shapes else text
