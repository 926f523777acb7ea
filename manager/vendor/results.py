"""Results: the lines of a job's results file, streamed with bounded memory.

The file is gzipped JSONL [seed], whole or in parts. It is read as it comes: packed once, twice
or not any more, in several members, with a byte order mark, with any ends of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from manager.redact import redact
from manager.settings import Settings
from manager.vendor.errors import ResultsCorrupt, ResultsTooLarge
from manager.vendor.unpack import Piece, unpacked

_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark
_SHOWN = 40


def lines(paths: Sequence[Path], settings: Settings) -> Iterator[bytes]:
    """The lines of the parts in order, without their ends and without blank ones.

    A line may run on into the next part, or member of gzip; a last line without an end counts.
    Memory is bounded by `merge_max_line`, whatever the size of the file.
    Raises ResultsTooLarge over `merge_max_line` or `merge_max_bytes`, ResultsCorrupt for what
    is cut off, fails its checksum or is no JSON lines at all; the lines before that have been
    given.
    """
    known = ""
    pieces = unpacked(paths, settings.merge_max_bytes)
    for piece, line in _split(pieces, settings.merge_max_line):
        line = line.removeprefix(_MARK)
        if not line or line.isspace():
            continue
        if piece.file != known:
            _check(piece, line)
            known = piece.file
        yield line


def _split(pieces: Iterator[Piece], longest: int) -> Iterator[tuple[Piece, bytes]]:
    """The lines, blank ones too, each with the piece that it ends in."""
    rest: list[bytes] = []  # the beginning of a line whose end is still to come
    length = 0
    piece = Piece("", b"", begins=False, packed=True)
    for following in pieces:
        if following.begins and length and _is_whole(line := b"".join(rest)):
            yield piece, line
            rest, length = [], 0
        piece = following
        content = piece.content.removeprefix(_MARK) if piece.begins else piece.content
        # Within a record neither of them can stand but escaped.
        found = content.replace(b"\r", b"\n").split(b"\n")
        length += len(found[0])
        if length > longest or len(max(found, key=len)) > longest:
            raise ResultsTooLarge(
                f"{piece.file}: a line has more than merge_max_line = {longest} bytes."
            )
        rest.append(found[0])
        if len(found) == 1:
            continue
        found[0] = b"".join(rest)
        rest = [found.pop()]
        length = len(rest[0])
        for line in found:
            yield piece, line
    line = b"".join(rest)
    if line and not line.isspace() and not piece.packed and not _is_whole(line):
        _check(piece, line)
        raise ResultsCorrupt(f"{piece.file} is cut off: it ends in the midst of a line.")
    yield piece, line


def _is_whole(line: bytes) -> bool:
    """Whether the last line of a part or member, which has no newline, ends here.

    Else the vendor has cut its file without regard to lines. No beginning of a JSON object is
    itself one, so there is no doubt.
    """
    try:
        msgspec.json.decode(line.removeprefix(_MARK), type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _check(piece: Piece, line: bytes) -> None:
    """Raise ResultsCorrupt when a file whose first line this is cannot be lines of JSON.

    A page of HTML, XML or an array is none, packed or not. Where gzip vouches for them, other
    lines that cannot be read are the vendor's, and not the file's fault.
    """
    beginning = line.removeprefix(_MARK).lstrip()
    if beginning.startswith(b"["):
        raise ResultsCorrupt(f"{piece.file} is a JSON array, where a line each is wanted.")
    fits = not beginning.startswith(b"<") if piece.packed else beginning.startswith(b"{")
    if not fits:
        shown = redact(beginning[:_SHOWN].decode(errors="replace"))
        raise ResultsCorrupt(
            f"{piece.file} is neither gzip nor JSON lines: it begins with {shown!r}."
        )
