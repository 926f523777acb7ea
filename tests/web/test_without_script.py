"""The console works without JavaScript: links and forms."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from manager import Settings
from tests.web.browser import Visit
from tests.web.life import run

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_filter_is_a_form_and_its_url_can_be_saved(visit: Visit) -> None:
    page = visit("/jobs", script=False)
    page.get_by_label("failed").check()
    page.get_by_label("merged").check()
    page.get_by_label("since").fill("2h")
    page.get_by_role("button", name="Show").click()
    assert page.url.endswith("/jobs?state=merged%2Cfailed&since=2h")
    expect(page.locator("tbody tr")).to_have_count(45)
    again = visit(page.url, script=False)
    expect(again.get_by_label("failed")).to_be_checked()
    expect(again.get_by_label("since")).to_have_value("2h")


def test_metadata_is_asked_for_as_key_and_value(visit: Visit) -> None:
    page = visit("/requests", script=False)
    page.get_by_label("metadata", exact=True).fill("team=sales")
    page.get_by_role("button", name="Show").click()
    assert page.url.endswith("/requests?metadata.team=sales")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_pages_follow_each_other_and_end(visit: Visit) -> None:
    page = visit("/enrichments", script=False)
    seen = set()
    while True:
        seen |= set(page.locator("tbody th").all_inner_texts())
        following = page.get_by_role("link", name="Next page")
        if not following.count():
            break
        following.click()
    assert len(seen) == 368


def test_an_action_is_seen_confirmed_and_told(settings: Settings, visit: Visit) -> None:
    page = visit("/requests?state=open", script=False, may_fail=True)  # a 409 is told
    page.get_by_text("Do to all that match").click()
    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(page.get_by_role("heading", name="2 requests")).to_be_visible()
    page.get_by_label("Why").fill("asked for twice")
    page.get_by_label("type 2 to confirm").fill("3")
    page.get_by_role("button", name="Cancel: 2 requests").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was done: type 2")
    expect(page.get_by_label("Why")).to_have_value("asked for twice")
    page.get_by_label("type 2 to confirm").fill("2")
    page.get_by_role("button", name="Cancel: 2 requests").click()
    expect(page.get_by_role("status")).to_contain_text("Cancelled: 2 requests")
    page.reload()  # asks for no form to be sent again
    page.get_by_role("link", name="History", exact=True).first.click()
    expect(page.locator("tbody tr").first).to_contain_text("asked for twice")
    assert run(settings, "SELECT count(*) FROM request WHERE cancelled_at IS NOT NULL") == [(2,)]
