"""What is seen: nothing serious for axe, nothing wider than a phone, hostile content inert."""

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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(visit: Visit, dark: bool) -> None:
    found = []
    page = visit("/", dark=dark, may_fail=True)
    for path in PATHS:
        page.goto(path)
        for it in Axe().run(page).response["violations"]:
            if it["impact"] in ("serious", "critical"):
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
