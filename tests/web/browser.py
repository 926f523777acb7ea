"""The console in a real browser: Chromium, and the application served from the test's process."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from manager import Settings
from manager.steps.context import Context
from manager.web.app import make_app
from manager.web.server import server
from tests.web.life import enliven

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# A busy machine takes its time.
expect.set_options(timeout=30_000)
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

Visit = Callable[..., Page]


class Served:
    """The application on a port of its own, which may be stopped and started again there."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it is served, without the last slash."""
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Served beside the block."""
        served = server(make_app(Context(self.settings, "web")), self.settings)
        listening = socket.create_server(("127.0.0.1", self._port))
        thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield
        finally:
            served.should_exit = True
            thread.join()
            listening.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module: while it is there, this thread's event loop runs, and
    others' `asyncio.run` would be refused.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """The console on a ledger with life in it."""
    enliven(settings)
    served = Served(settings)
    with served.running():
        yield served


@pytest.fixture
def visit(chromium: Browser, served: Served) -> Iterator[Visit]:
    """Opens a path of the console as a new visitor; what goes wrong in the page fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_page(path: str = "/", *, phone: bool = False, dark: bool = False, script: bool = True,
                  may_fail: bool = False) -> Page:  # fmt: skip
        context = chromium.new_context(
            base_url=served.url,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        if not may_fail:
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda it: wrong.append(it.text) if it.type == "error" else None)
            page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
