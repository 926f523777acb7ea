"""The page: what it shows, and that nothing in it can run or leak."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.operator.slots import Slot
from manager.operator.status import AccountStatus, Status, age
from manager.semaphore import Calls
from manager.web.page import render
from manager.web.rows import AccountRows, JobRow, RequestRow

NOW = datetime.now(UTC)
ID = UUID(int=7)
CRM = AccountStatus(
    "crm",
    cap=4,
    slots_held=1,
    foreign_active=2,
    swept_seconds_ago=1.2,
    identifiers={"waiting": 1_234, "fulfilled": 5_678},
    in_jobs=1_000,
    calls={"list": Calls(3, 15, 0, None)},
)


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


def rows(text: str = "the vendor works on it") -> AccountRows:
    """One of each, in which others wrote `text` wherever they can."""
    slots = [
        Slot("crm", 1, ID, "processing", text, 10_000, NOW, taken_by_others=False),
        Slot("crm", 2, None, None, None, None, None, taken_by_others=False),
        Slot("crm", 3, None, None, None, None, None, taken_by_others=True),
        Slot("crm", 4, None, None, None, None, None, taken_by_others=True),
    ]
    job = JobRow(ID, "company/enrich", "domains", [text], "processing", 1, 10_000, None, NOW, text,
                 text, None)  # fmt: skip
    merged = replace(
        job, fields=[], state="merged", slot=None, result_count=2, why="2 results", error=None
    )
    packed = replace(job, state="packed", slot=None, waits_for=text)
    request = RequestRow(ID, "person/enrich", "business_emails", [text], 8, 4, 2, 1, 1, NOW)
    empty = replace(request, total=0, fulfilled=0, not_found=0, failed=0, cancelled=0)
    return AccountRows(slots, [job, merged, packed], [request, empty])


def text_of(found: Status, listed: dict[str, AccountRows] | None) -> str:
    return Page(render(found, listed)).text


def test_problems_stand_above_everything_else() -> None:
    found = Status(problems=["the account is paused"], warnings=["1 job(s) wait"], accounts=[CRM])
    text = text_of(found, {"crm": rows()})
    order = ["The daemon cannot work.", "the account is paused", "1 job(s) wait", "slots held"]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_slots_requests_and_jobs_are_shown() -> None:
    text = text_of(Status(accounts=[CRM]), {"crm": rows()})
    for shown in (
        "account crm", "The daemon can work.", "1 of 4", "1,234", "1,000 in jobs", "5,678",
        "10,000 identifiers", "merged", "2 results", str(ID), "business emails", "person/enrich",
        "3 of 15", "swept 1 s ago",
    ):  # fmt: skip
        assert shown in text


def test_a_slot_that_others_jobs_take_is_never_called_free() -> None:
    text = text_of(Status(accounts=[CRM]), {"crm": rows()})
    assert "2 taken by others" in text
    assert "1 processing" in text
    assert "2 free" in text
    assert "3 taken by others" in text
    assert "4 taken by others" in text


@pytest.mark.parametrize("waits_for", ["a slot", "waits for its turn until 10:00:00 UTC"])
def test_what_is_waited_for_is_said_once(waits_for: str) -> None:
    said = f"waits for {waits_for.removeprefix('waits for ')}"
    listed = rows()
    job = replace(listed.jobs[0], waits_for=waits_for, why="packed", error=None)
    account = replace(CRM, waits_for=waits_for)
    text = text_of(Status(accounts=[account]), {"crm": replace(listed, jobs=[job])})
    assert f"The look at the vendor {said}" in text
    assert text.count(said) == 2
    assert "waits for waits" not in text


def test_each_of_several_accounts_has_a_section_of_its_own() -> None:
    found = Status(accounts=[CRM, replace(CRM, account="web")])
    one = rows()
    text = text_of(found, {"crm": one, "web": replace(one, jobs=[])})
    assert "Enrichment: 2 accounts" in text
    crm, web = text.split("Account web")
    assert "Account crm" in crm
    assert "2 results" in crm
    assert "2 results" not in web
    assert "none yet" in web


def test_without_the_ledger_only_the_problems_are_shown() -> None:
    text = text_of(Status(problems=["Postgres cannot be reached"]), None)
    assert "Postgres cannot be reached" in text
    assert "Slots" not in text
    assert "0 of 0" not in text


def test_an_empty_ledger_is_shown_as_such() -> None:
    account = AccountStatus("crm")
    text = text_of(Status(accounts=[account]), {"crm": AccountRows([], [], [])})
    assert text.count("none yet") == 2


def hostile(text: str) -> Page:
    """The page where everything that others can write is `text`."""
    accounts = [replace(CRM, account=name, waits_for=text) for name in (text, f"{text}2")]
    found = Status(problems=[text], warnings=[text], accounts=accounts)
    return Page(render(found, {account.account: rows(text) for account in accounts}))


ALLOWED = hostile("a")


@given(st.text() | st.sampled_from(["<script>alert(1)</script>", "'\"><img src=x onerror=y>"]))
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    page = hostile(text)
    assert page.elements == ALLOWED.elements
    assert page.attributes == ALLOWED.attributes
    assert "script" not in page.elements


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_300, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_told_in_one_unit(seconds: int, told: str) -> None:
    assert age(datetime.now(UTC) - timedelta(seconds=seconds)) == told
