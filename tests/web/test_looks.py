"""What is seen: nothing wrong for axe, nothing wider than a phone, hostile content inert."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from manager import Settings
from tests.web.browser import Visit
from tests.web.life import LONG, run

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PATHS = (
    "/", "/requests", "/jobs?state=merged,failed", "/enrichments", "/vendor-jobs", "/strays",
    "/lanes", "/history", "/act/request.cancel?state=open", "/act/enrichment.refresh",
    "/act/account.pause?account=test", "/jobs?state=nonsense", "/search?q=stripe.com",
    "/stats?by=day,tag", "/notices", "/accounts/test", "/enrichments/1", "/strays/1", "/lanes/1",
    "/vendor-jobs/test/theirs-1",
)  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": TAGS}}
# What the keyboard has to reach, and whether what it has reached is where one sees it.
REACHED = ":is(a[href], button, input:not([type=hidden]), select, summary, [tabindex='0'])"
REACHED += ":not(details:not([open]) :not(summary))"
FOCUSED = """() => {
  const it = document.activeElement, box = it.getClientRects()[0];
  const x = (Math.max(0, box.left) + Math.min(innerWidth, box.right)) / 2;
  const y = (Math.max(0, box.top) + Math.min(innerHeight, box.bottom)) / 2;
  const there = document.elementFromPoint(x, y);
  it.dataset.reached ??= String(Math.random());
  const seen = getComputedStyle(it).outlineStyle !== "none" && it.contains(there);
  return [it.dataset.reached, it.textContent || it.name, seen];
}"""
HOSTILE = (
    "UPDATE account SET paused_at = now(), paused_reason = %(text)s",
    "UPDATE job SET why = %(text)s, error = %(text)s, vendor_status = %(text)s",
    "UPDATE request SET metadata = jsonb_build_object(%(text)s::text, %(text)s::text),"
    " account_key = left(%(text)s, 200) || id",
    "UPDATE enrichment SET reason = %(text)s, identifier = %(text)s",
    "UPDATE vendor_job SET judged_why = %(text)s, status = %(text)s, entity = %(text)s,"
    " batch_id = left(%(text)s, 300) || batch_id",
    "UPDATE stray SET reason = %(text)s, envelope = convert_to(%(text)s, 'UTF8')",
    "UPDATE job_event SET why = %(text)s, by = %(text)s",
    "UPDATE lane SET fields = ARRAY[%(text)s]",
)


@pytest.mark.parametrize("phone", [False, True], ids=["light", "dark-phone"])
def test_axe_finds_nothing(visit: Visit, phone: bool) -> None:
    """Neither what WCAG 2.2 AA asks for, nor what is no more than good practice."""
    found = []
    page = visit("/", dark=phone, phone=phone, may_fail=True)
    for path in PATHS:
        page.goto(path)
        page.evaluate("for (const it of document.querySelectorAll('details')) it.open = true")
        for it in Axe().run(page, options=RULES).response["violations"]:
            found.append((path, it["id"], it["nodes"][0]["html"][:200]))
    assert found == []


def test_no_page_is_wider_than_a_phone_and_what_others_write_stays_text(
    settings: Settings, visit: Visit
) -> None:
    for statement in HOSTILE:
        for half in statement.split(";"):
            run(settings, half.replace("%(text)s", "%s"), *[LONG] * half.count("%(text)s"))
    page = visit("/", phone=True, may_fail=True)
    alerts = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for path in PATHS:
        page.goto(path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.title() != "owned", path
        assert page.locator("main img").count() == 0, path
    assert alerts == []


def test_the_keyboard_leads_to_the_content_and_to_the_search(visit: Visit) -> None:
    page = visit("/jobs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_each_thing_that_can_be_done_is_reached_by_the_keyboard_and_seen_there(
    visit: Visit,
) -> None:
    """Also where the table's head, by which one sorts, is folded away for want of width."""
    for phone in (False, True):
        page = visit("/jobs?state=failed", phone=phone)
        page.locator("details.menu").evaluate("it => it.open = true")
        expected = page.locator(REACHED).count()
        reached, unseen = set(), []
        for _ in range(expected):
            page.keyboard.press("Tab")
            id, text, seen = page.evaluate(FOCUSED)
            reached.add(id)
            unseen += [] if seen else [text]
        assert (len(reached), unseen) == (expected, []), phone
