"""Addresses of targets: what they may be, and what is shown of them."""

from __future__ import annotations

import pytest

from manager.errors import InvalidRequestError
from manager.targets import Channel, Named, Task, Webhook, parse


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        (
            "https://hooks.example.com/a?token=hush",
            Webhook("https", "hooks.example.com", 443, "/a?token=hush"),
            "https://hooks.example.com/a?…",
        ),
        (
            "HTTPS://Hooks.Example.COM.",
            Webhook("https", "hooks.example.com", 443, "/"),
            "https://hooks.example.com/",
        ),
        (
            "https://bücher.example:8443/ä?q=ü",
            Webhook("https", "xn--bcher-kva.example", 8443, "/%C3%A4?q=%C3%BC"),
            "https://xn--bcher-kva.example:8443/%C3%A4?…",
        ),
        ("https://[2001:db8::1]/", Webhook("https", "2001:db8::1", 443, "/"),
         "https://[2001:db8::1]/"),
        ("task:shop.tasks.done", Task("shop.tasks.done", "default", "celery"),
         "task:shop.tasks.done@default/celery"),
        ("task:done@crm/high", Task("done", "crm", "high"), "task:done@crm/high"),
        ("pg:enriched", Channel("enriched"), "pg:enriched"),
        ("crm", Named("crm"), "crm"),
    ],
)  # fmt: skip
def test_what_a_target_may_be(text: str, address: object, shown: str) -> None:
    found = parse(text)
    assert found == address
    assert str(found) == shown
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://a.example/", "must begin with https://"),
        ("https:///path", "have a host"),
        ("https://user:hush@a.example/", "no user name or password"),
        ("https://hush@a.example/", "no user name or password"),
        ("https://a.example/#hush", "no #fragment"),
        ("https://a.example:0/", "port 0"),
        ("https://a.example:99999/hush", "not a valid URL"),
        ("https://[::1/hush", "not a valid URL"),
        ("https://good.example\\@hush/", "backslashes"),
        ("https://a.example/ b", "no spaces"),
        ("https://a.example/\nhost: hush", "control characters"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://%31%32%37.0.0.1/", "no host that could be looked up"),
        ("https://" + "a" * 3_000 + ".example/", "3,017 characters"),
        ("task:", "a task is"),
        ("task:a b", "a task is"),
        ("task:a@b@c", "a task is"),
        ("pg:", "1 to 63 bytes"),
        ("pg:" + "ä" * 32, "1 to 63 bytes"),
        ("pg:enrichd_wake", "the daemon's own"),
        ("a name", "is no target"),
        ("", "0 characters"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_it_may_not_be_is_said_without_what_may_be_secret(text: object, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why) as caught:
        parse(text)
    assert "hush" not in str(caught.value)
