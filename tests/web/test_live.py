"""Live: what changes is seen without a reload, and nothing that the viewer does is disturbed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from manager import Settings
from tests.web.browser import Served, Visit
from tests.web.life import run

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAIL_ONE = (
    "UPDATE job SET state = 'failed', slot = NULL, ended_at = now(), why = 'it went away'"
    " WHERE batch_id = 'live-1'"
)
PAUSE = "UPDATE account SET paused_at = now(), paused_reason = 'a test'"


def until_live(page: Page) -> None:
    """The stream has begun."""
    expect(page.locator("#pulse.live")).to_be_visible()


def test_what_happens_is_seen_without_a_reload(settings: Settings, visit: Visit) -> None:
    page = visit("/")
    until_live(page)
    page.evaluate("window.mine = true")
    run(settings, FAIL_ONE)
    expect(page.locator("#live_moves")).to_contain_text("it went away")
    run(settings, PAUSE)
    expect(page.locator("#live_state")).to_contain_text("problem")
    expect(page.locator("#notes")).to_contain_text("paused: a test")
    assert page.evaluate("window.mine") is True


def test_a_list_is_live_too(settings: Settings, visit: Visit) -> None:
    page = visit("/jobs?state=failed")
    until_live(page)
    rows = page.locator("#live_rows tbody tr")
    expect(rows).to_have_count(1)
    run(settings, FAIL_ONE)
    expect(rows).to_have_count(2)


def test_focus_open_details_and_scrolling_stay(settings: Settings, visit: Visit) -> None:
    page = visit("/")
    until_live(page)
    details = page.locator("details").first
    details.locator("summary").click()
    link = page.locator("#live_moves a").first
    link.focus()
    page.evaluate("window.mine = document.activeElement; scrollTo(0, 300)")
    href = link.get_attribute("href")
    run(settings, FAIL_ONE)
    expect(page.locator("#live_moves")).to_contain_text("it went away")
    assert details.evaluate("it => it.open")
    assert page.evaluate("document.activeElement === window.mine")
    assert page.evaluate("window.mine.getAttribute('href')") == href
    # what is read stays where it is, though a line more may stand above it now
    assert 300 <= page.evaluate("scrollY") < 400


def test_text_that_is_selected_is_not_touched_until_it_is_let_go(
    settings: Settings, visit: Visit
) -> None:
    page = visit("/")
    until_live(page)
    page.evaluate("getSelection().selectAllChildren(document.getElementById('live_moves'))")
    selected = page.evaluate("getSelection().toString()")
    run(settings, FAIL_ONE)
    run(settings, PAUSE)
    expect(page.locator("#live_state")).to_contain_text("problem")
    assert page.evaluate("getSelection().toString()") == selected
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("#live_moves")).to_contain_text("it went away")


def test_a_hidden_tab_asks_for_nothing_and_catches_up_when_it_is_seen(
    settings: Settings, visit: Visit
) -> None:
    page = visit("/")
    until_live(page)
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide % "true")
    expect(page.locator("#pulse")).to_have_text("paused")
    run(settings, FAIL_ONE)
    page.wait_for_timeout(3_000)  # longer than the hub takes
    assert "it went away" not in page.locator("#live_moves").inner_text()
    page.evaluate(hide % "false")
    expect(page.locator("#live_moves")).to_contain_text("it went away")


def test_it_connects_again_when_the_server_was_away(
    settings: Settings, visit: Visit, served: Served
) -> None:
    page = visit("/", may_fail=True)
    until_live(page)
    page.route("**/live/**", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('pagehide')); dispatchEvent(new Event('pageshow'))")
    expect(page.locator("#pulse.lost")).to_be_visible()
    page.unroute("**/live/**")
    run(settings, FAIL_ONE)
    expect(page.locator("#live_moves")).to_contain_text("it went away", timeout=40_000)


def test_without_the_ledger_it_says_so_and_keeps_what_was_known(
    settings: Settings, visit: Visit
) -> None:
    page = visit("/jobs")
    until_live(page)
    before = page.locator("#live_rows tbody tr").count()
    run(settings, "ALTER TABLE job RENAME TO away")
    expect(page.get_by_role("alert")).to_contain_text("Not to be had now")
    assert page.locator("#live_rows tbody tr").count() == before
    run(settings, "ALTER TABLE away RENAME TO job")
    expect(page.locator("#live_trouble")).to_be_empty()
