"""Makes the pictures of the console in docs/pictures: `make pictures`.

They show the console itself in Chromium, on a ledger of its own in which an hour's work is staged:
requests, jobs that run and have run, another tool's job, a failure; and then an account that was
paused. Nothing leaves this machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from manager import Settings
from manager.run.embedded import EmbeddedServers
from manager.steps import slots
from manager.steps.context import Context
from manager.testing.clean_ledger import CleanLedger
from manager.testing.given import given_settings
from tests.web.browser import CHROMIUM, DESKTOP, PHONE, Served
from tests.web.life import enliven, run

FOLDER = Path(__file__).with_name("pictures")
LARGEST = 200_000
TROUBLE = (
    "UPDATE account SET paused_at = now(), paused_for = 'no_credits',"
    " paused_reason = 'the vendor answered 402: no credits left'"
)


class Picture(NamedTuple):
    """A picture's name, the page it is of, and how it is seen. trouble: with the account paused."""

    name: str
    path: str
    phone: bool = False
    dark: bool = False
    height: int = 800
    trouble: bool = False


PICTURES = (
    Picture("now", "/", height=1000),
    Picture("now-dark", "/", dark=True, height=1000),
    Picture("now-phone", "/", phone=True),
    Picture("search", "/search?q=https://www.stripe.com"),
    Picture("jobs", "/jobs?state=failed,processing,submitting"),
    Picture("job", "/jobs/{job}"),
    Picture("request-phone", "/requests/{request}", phone=True, dark=True),
    Picture("action", "/act/request.cancel?state=open", height=560),
    Picture("stats", "/stats?by=day,tag", height=560),
    Picture("trouble", "/", trouble=True),
    Picture("trouble-phone", "/", phone=True, dark=True, trouble=True),
)


def main() -> None:
    """Make all of them anew. Ends with a message where there is no Chromium."""
    if CHROMIUM is None:
        sys.exit("There is no Chromium here: install Debian's package chromium.")
    FOLDER.mkdir(exist_ok=True)
    with _console() as (served, names), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for picture in sorted(PICTURES, key=lambda it: it.trouble):
            if picture.trouble:
                run(served.settings, TROUBLE)
            run(served.settings, "UPDATE account SET swept_at = now()")
            _take(browser, served.url, picture, names)
        browser.close()


@contextmanager
def _console() -> Iterator[tuple[Served, dict[str, str]]]:
    """The console on a ledger with life in it, and ids of objects there."""
    with EmbeddedServers(Path(tempfile.mkdtemp(prefix="pictures-")), ephemeral=True) as servers:
        settings = _settings(servers)
        CleanLedger(settings)
        request, *_ = enliven(settings)
        _tell_redis(settings)
        [(job,)] = run(settings, "SELECT id FROM job WHERE state = 'failed'")
        served = Served(settings)
        with served.running():
            yield served, {"request": str(request), "job": str(job)}


def _tell_redis(settings: Settings) -> None:
    """Whose the slots are, as a daemon's sweep would."""
    with closing(Context(settings, "pictures")) as context, context.ledger.connect() as connection:
        account = context.account("crm")
        slots.mend(connection, account, account.standing(connection))


def _settings(servers: EmbeddedServers) -> Settings:
    return given_settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        account="crm",
        vendor_url="http://127.0.0.1:1",
        vendor_api_key="none",
        price={"company/enrich": "0.5"},
        budgets=[{"per": "month", "credits": 5_000}, {"tag": "sales", "per": "day", "credits": 25}],
    )


def _take(browser: Browser, url: str, picture: Picture, names: dict[str, str]) -> None:
    size = PHONE if picture.phone else DESKTOP | {"height": picture.height}
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(url + picture.path.format(**names))
    page.wait_for_timeout(1_000)  # until the stream has begun
    path = FOLDER / f"{picture.name}.png"
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > LARGEST:
        sys.exit(f"{path} is larger than {LARGEST:,} bytes.")
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
