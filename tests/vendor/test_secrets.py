"""API keys, webhook tokens and pre-signed URLs are in no message and no log."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.endpoints import endpoint
from manager.redact import redact
from manager.vendor import errors
from manager.vendor.client import VendorClient

if TYPE_CHECKING:
    from .conftest import Account, Server

COMPANY = endpoint("company/enrich")
TOKEN = "tTtTtTtTtTtTtTtTtTtTtT"
WEBHOOK = f"https://hooks.example/webhooks/42/{TOKEN}"


@pytest.mark.integration
@pytest.mark.parametrize("status", [200, 400, 401, 402, 404, 429, 500])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_the_vendor_repeats_of_our_secrets_is_not_repeated(
    server: Server, client: VendorClient, account: Account, status: int, as_json: bool
) -> None:
    text = f"Key {account.api_key} may not call {WEBHOOK}, see https://f.example/x?sig=S3CRET#y"
    body: object = {"error": {"type": account.api_key, "message": text}}
    server.reply = lambda call: call.answer(status, body if as_json else text.encode())
    with pytest.raises(errors.VendorError) as raised:
        client.submit(COMPANY, "domains", ["acme.com"], webhook_url=WEBHOOK)
    shown = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))
    for secret in (account.api_key, TOKEN, "S3CRET"):
        assert secret not in shown
    if status != 200:
        assert "https://f.example/x" in shown, "what is not secret is of use"


@pytest.mark.integration
def test_nothing_secret_is_logged_even_when_everything_is(
    server: Server, client: VendorClient, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"batch_id": "b-1", "download_url": "https://f.example/x?sig=S3CRET"}
    server.reply = lambda call: call.answer(200, body, location="https://f.example/?sig=S3CRET")
    with caplog.at_level(logging.DEBUG):
        client.submit(COMPANY, "domains", ["acme.com"], webhook_url=WEBHOOK)
        client.status("b-1")
    for secret in (account.api_key, TOKEN, "S3CRET"):
        assert secret not in caplog.text


@pytest.mark.integration
def test_the_logs_of_others_are_left_alone(
    server: Server, client: VendorClient, caplog: pytest.LogCaptureFixture
) -> None:
    import httpx

    server.reply = lambda call: call.answer(200, {"batch_id": "b-1"})
    with caplog.at_level(logging.INFO, logger="httpx"):
        client.status("b-1")
        assert not caplog.records
        httpx.get(f"{server.url}/theirs", trust_env=False)
        assert "/theirs" in caplog.text


@given(
    before=st.text(max_size=400),
    secret=st.text("abcdefABCDEF0123456789_-", min_size=8, max_size=40),
    after=st.text(max_size=50),
)
def test_no_part_of_a_secret_is_left_by_cutting(before: str, secret: str, after: str) -> None:
    shown = redact(before + secret + after, [secret])
    assert secret not in shown
    assert len(shown) <= 300
    assert shown.isprintable()
    if secret[:6] not in before + after:
        assert secret[:6] not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://h/p?X-Amz-Signature=abc&y=1 now", "see https://h/p?… now"),
        ("<a href='http://h/p?q=1'>", "<a href='http://h/p?…'>"),
        ("HTTPS://user:pass@h/p", "HTTPS://h/p"),
        ("a\n\tb\x00\x1b[31m", "a b [31m"),
        (
            "plain https://www.linkedin.com/company/acme",
            "plain https://www.linkedin.com/company/acme",
        ),
    ],
)
def test_urls_lose_what_may_be_secret_in_them(text: str, shown: str) -> None:
    assert redact(text) == shown
