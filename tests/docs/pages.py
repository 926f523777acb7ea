"""The documentation's pages, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUNBOOK = DOCS / "runbook"
TOP = (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md")
PAGES = (*TOP, ROOT / "benchmarks" / "README.md", *sorted(DOCS.rglob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code. page: its path in the repository. line: where it begins."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def name(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[Block]:
    """Its blocks in that language, in order."""
    text = page.read_text("utf-8")
    return [
        Block(name(page), text.count("\n", 0, it.start()) + 1, it[1], it[2])
        for it in _BLOCK.finditer(text)
        if it[1] == language
    ]


def all_blocks(language: str) -> list[Block]:
    """Those of all pages."""
    return [it for page in PAGES for it in blocks(page, language)]


def prose(page: Path) -> str:
    """What is no block of code."""
    return _FENCED.sub("", page.read_text("utf-8"))
