"""Links between the repository's pages lead somewhere, as one follows them in a checkout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify  # type: ignore[import-untyped]

from docs.hooks import LINK, outside_code
from tests.docs.pages import PAGES, name


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    found: list[str] = []

    def collect(text: str) -> str:
        found.extend(re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE))
        return text

    outside_code(page.read_text("utf-8"), collect)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", it) for it in found]
    return {slugify(it, "-") for it in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    wrong: list[str] = []

    def follow(text: str) -> str:
        for _, _, target, anchor in LINK.findall(text):
            if "://" in target:
                continue
            leads_to = (page.parent / target).resolve()
            if not leads_to.exists():
                wrong.append(f"{target}: is not there")
            elif anchor and anchor[1:] not in anchors(leads_to):
                wrong.append(f"{target}{anchor}: has no such heading")
        for anchor in re.findall(r"\]\(#([^)\s]+)\)", text):
            if anchor not in anchors(page):
                wrong.append(f"#{anchor}: has no such heading")
        return text

    outside_code(page.read_text("utf-8"), follow)
    assert wrong == []
