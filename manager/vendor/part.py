"""Part: one file of a download, its unfinished state, and what is needed to go on with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class Part:
    """`path` when it is whole, `path.partial` until then, `path.etag` to know it again.

    The ETag is kept with the encoding that the content came in, since it may not tell them
    apart: bytes of one do not go on in the other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._tag = path.with_name(f"{path.name}.etag")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        for path in (self.path, self._partial):
            if path.exists():
                return path.stat().st_size
        return 0

    @property
    def etag(self) -> str | None:
        """What the server called the content that is there; None when it did not say."""
        return self._told[0] or None

    @property
    def encoding(self) -> str:
        """The content-encoding of what is there, as the server said it."""
        return self._told[2]

    @property
    def _told(self) -> tuple[str, str, str]:
        try:
            return self._tag.read_text(encoding="ascii").partition("\n")
        except (FileNotFoundError, UnicodeDecodeError):
            return "", "", ""

    def conditions(self) -> dict[str, str]:
        """Headers that ask only for what is missing, if the content is still the same."""
        etag, size = self.etag, self.size
        if etag and self.path.exists():
            return {"if-none-match": etag}
        if etag and size and not etag.startswith("W/"):  # a weak one is no good for ranges
            return {"if-range": etag, "range": f"bytes={size}-"}
        return {}

    def begin(self, etag: str | None, encoding: str = "") -> None:
        """Forget what is there and begin anew.

        In an order that leaves no content beside an ETag of another, wherever it is cut off.
        """
        self.path.unlink(missing_ok=True)
        self._partial.write_bytes(b"")
        told = f"{etag or ''}\n{encoding}"
        self._tag.write_text(told if told.isascii() else "", encoding="ascii")

    def append(self) -> BinaryIO:
        """The unfinished file, to be written at its end."""
        return self._partial.open("ab")

    def finish(self) -> None:
        """Make it whole, on disk before in name."""
        with self.append() as file:
            os.fsync(file.fileno())
        self._partial.replace(self.path)
