"""Each problem that `enrichd status` can name, and each alert, has its page in the runbook."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from manager.operator.problems import CODES
from tests.docs.commands import commands
from tests.docs.pages import ROOT, RUNBOOK, blocks

PAGES = sorted(it for it in RUNBOOK.glob("*.md") if it.stem != "index")
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "config/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
HEADINGS = ["## What it means", "## See more", "## Do", "## By itself"]


def page_of(rule: dict[str, Any]) -> str:
    """The page that an alert leads to."""
    path = urlsplit(rule["annotations"]["runbook_url"]).path
    found = re.fullmatch(r"/runbook/([a-z-]+)/", path)
    assert found, path
    return found[1]


def test_there_is_a_page_for_each_problem_and_each_alert_and_no_other() -> None:
    assert {it.stem for it in PAGES} == {*CODES, *map(page_of, RULES)}


@pytest.mark.parametrize("code", CODES)
def test_a_problems_page_says_what_the_problem_is(code: str) -> None:
    text = (RUNBOOK / f"{code}.md").read_text("utf-8")
    assert text.startswith(f"# {code}\n\n*{CODES[code]}.*")


@pytest.mark.parametrize("rule", RULES, ids=lambda it: str(it["alert"]))
def test_an_alerts_page_names_the_alert(rule: dict[str, Any]) -> None:
    assert f"`{rule['alert']}`" in (RUNBOOK / f"{page_of(rule)}.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.stem)
def test_a_page_says_what_it_means_how_to_see_more_and_what_to_do(page: Any) -> None:
    text = page.read_text("utf-8")
    found = [it for it in HEADINGS if f"\n{it}\n\n" in text]
    assert found == HEADINGS
    [shown, *_] = blocks(page, "sh")
    assert commands(shown.text)


def test_the_index_leads_to_all_of_them() -> None:
    index = (RUNBOOK / "index.md").read_text("utf-8")
    assert {it.stem for it in PAGES} <= set(re.findall(r"\]\(([a-z-]+)\.md", index))
