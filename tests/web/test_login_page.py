"""The login in a real browser, which heeds our policy and tells where forms come from."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from manager import Settings
from manager.steps.context import Context
from manager.web.app import make_app
from tests.web.served import running
from tests.web.users import TOKENS, USERS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_user_comes_in_by_keyboard_and_everybody_can_read_the_page(
    settings: Settings, chromium: Browser, scheme: Literal["light", "dark"]
) -> None:
    given = Settings(**settings.model_dump() | {"web_users": USERS})
    policy: list[str] = []
    with running(make_app(Context(given, "web")), given) as web:
        address = f"http://127.0.0.1:{web.ports[0]}"
        phone = {"width": 360, "height": 640}
        page = chromium.new_page(color_scheme=scheme, viewport=phone)  # type: ignore[arg-type]
        page.on("console", lambda it: policy.append(it.text))
        page.goto(f"{address}/?state=failed")
        page.keyboard.type("vera")
        page.keyboard.press("Tab")
        page.keyboard.type("a wrong one")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        found = Axe().run(page).response["violations"]
        assert [(it["id"], it["impact"]) for it in found] == []
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Token").fill(TOKENS["vera"])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/?state=failed")
        page.close()
    assert not [text for text in policy if "Content Security Policy" in text]
