"""The page: what it shows, and that nothing in it can run or leak."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.operator.status import Status, age
from manager.web.page import Ledger, render

Slot = namedtuple("Slot", "slot job_id state batch_id identifier_count held_since")
Job = namedtuple(
    "Job",
    "id identifier_type fields state slot identifier_count result_count created_at ended_at why "
    "error",
)
Request = namedtuple(
    "Request",
    "id identifier_type fields priority total fulfilled not_found failed cancelled created_at "
    "finished_at",
)
NOW = datetime.now(UTC)
ID = UUID(int=7)


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self._skip = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._skip = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.text += data


def ledger(text: str = "the vendor works on it") -> Ledger:
    """A ledger with one of each, in which others wrote `text` wherever they can."""
    slots = [
        Slot(1, ID, "processing", text, 10_000, NOW),
        Slot(2, None, None, None, None, None),
    ]
    jobs = [
        Job(ID, "domains", [text], "processing", 1, 10_000, None, NOW, None, text, text),
        Job(ID, "names", [], "merged", None, 3, 2, NOW, NOW, "2 results", None),
    ]
    requests = [
        Request(ID, "domains", [text], 0, 8, 4, 2, 1, 1, NOW, None),
        Request(ID, "names", [], 0, 0, 0, 0, 0, 0, NOW, NOW),
    ]
    return Ledger(slots, jobs, requests)


def test_problems_stand_above_everything_else() -> None:
    found = Status("crm", problems=["the account is paused"], warnings=["1 job(s) wait"], cap=2)
    text = Page(render(found, ledger())).text
    order = ["The daemon cannot work.", "the account is paused", "1 job(s) wait", "slots held"]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_slots_requests_and_jobs_are_shown() -> None:
    found = Status(
        "crm",
        cap=2,
        slots_held=1,
        foreign_active=3,
        swept_seconds_ago=1.2,
        identifiers={"waiting": 1_234, "fulfilled": 5_678},
        in_jobs=1_000,
    )
    text = Page(render(found, ledger())).text
    for shown in (
        "The daemon can work.", "1 of 2", "3 of others", "1,234", "1,000 in jobs", "5,678",
        "10,000 identifiers", "free", "merged", "2 results", str(ID),
    ):  # fmt: skip
        assert shown in text


def test_without_the_ledger_only_the_problems_are_shown() -> None:
    text = Page(render(Status("crm", problems=["Postgres cannot be reached"]), None)).text
    assert "Postgres cannot be reached" in text
    assert "Slots" not in text
    assert "0 of 0" not in text


def test_an_empty_ledger_is_shown_as_such() -> None:
    page = Page(render(Status("crm", cap=0), Ledger([], [], [])))
    assert page.text.count("none yet") == 2


ALLOWED = Page(render(Status("crm", problems=["a"], warnings=["b"], cap=2), ledger()))


@given(st.text() | st.sampled_from(["<script>alert(1)</script>", "'\"><img src=x onerror=y>"]))
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    found = Status("crm", problems=[text], warnings=[text], cap=2)
    page = Page(render(found, ledger(text)))
    assert page.elements == ALLOWED.elements
    assert page.attributes == ALLOWED.attributes
    assert "script" not in page.elements


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_300, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_told_in_one_unit(seconds: int, told: str) -> None:
    assert age(datetime.now(UTC) - timedelta(seconds=seconds)) == told
