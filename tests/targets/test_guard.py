"""The guard: nobody makes the daemon ask inside its own network, however the place is written."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import ConfigurationError, load_settings
from manager.targets import Guard, RefusedTargetError, Webhook, parse
from manager.targets.guard import is_public


def hook(url: str) -> Webhook:
    found = parse(url)
    assert isinstance(found, Webhook)
    return found


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0", "0.0.0.0",
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
        "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
        "[::127.0.0.1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[fc00::1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2001::1]",
        "[2001:db8::1]", "[3fff::1]", "localhost", "LOCALHOST.", "a.localhost",
        "metadata.google.internal",
        "kubernetes.default.svc.cluster.local", "printer", "router.lan",
        "⑯⑨。254。⑯⑨。254", "169.254.169.254.",
    ],
)  # fmt: skip
def test_a_place_that_is_not_public_is_refused_when_it_is_given(host: str) -> None:
    with pytest.raises(RefusedTargetError, match=r"notify_allow") as caught:
        Guard([]).check(hook(f"https://{host}/latest/meta-data?hush"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://a.example:22/", "https://a.example:80"]
)
def test_so_are_http_and_odd_ports(url: str) -> None:
    with pytest.raises(RefusedTargetError):
        Guard([]).check(hook(url))


@pytest.mark.parametrize(
    "url",
    ["https://a.example/", "https://a.example:8443/", "https://8.8.8.8/", "https://[2606:4700::1]/",
     "https://localhost.example/", "https://fade.example/"],
)  # fmt: skip
def test_what_is_public_is_not(url: str) -> None:
    Guard([]).check(hook(url))


@pytest.mark.parametrize(
    ("allowed", "url", "refused"),
    [
        ("hooks", "http://hooks:8080/", "http://hooks.example:8080/"),
        ("hooks:8080", "http://hooks:8080/", "http://hooks:8081/"),
        ("*.svc.cluster.local", "http://a.svc.cluster.local/", "http://svc.cluster.local/"),
        ("10.0.0.0/8", "http://10.1.2.3:9000/", "http://11.1.2.3:9000/"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", "https://[::ffff:11.0.0.1]:9/"),
        ("127.0.0.1", "http://127.0.0.1:9000/", "http://127.0.0.2:9000/"),
        ("fd00::/8", "http://[fd00::1]/", "http://[fe80::1]/"),
        ("[fd00::1]:80", "http://[fd00::1]/", "http://[fd00::1]:81/"),
    ],
)
def test_what_is_allowed_is_allowed_and_nothing_beside_it(
    allowed: str, url: str, refused: str
) -> None:
    Guard([allowed]).check(hook(url))
    with pytest.raises(RefusedTargetError):
        Guard([allowed]).check(hook(refused))


@pytest.mark.parametrize("entry", ["", "a b", "http://a.example", "10.0.0.0/99", "*", "a:b", "*."])
def test_what_can_be_nothing_of_the_kind_stops_the_start(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="notify_allow"):
        load_settings(notify_allow=[entry])


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (it, port)) for it in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%2"])
def test_a_name_that_leads_inside_is_refused_when_it_is_told(
    monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    leads_to(monkeypatch, "8.8.8.8", inside)
    with pytest.raises(RefusedTargetError, match="it leads to"):
        Guard([]).addresses(hook("https://a.example/"))


@pytest.mark.parametrize("host", ["a..example.com", "a" * 64 + ".example.com"])
def test_what_can_be_no_name_leads_nowhere(host: str) -> None:
    with pytest.raises(OSError, match="no such name"):
        Guard([]).addresses(hook(f"https://{host}/"))


def test_a_network_that_is_allowed_is_allowed_behind_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leads_to(monkeypatch, "10.0.0.7", "8.8.8.8")
    assert Guard(["10.0.0.0/8"]).addresses(hook("https://a.example/")) == ["10.0.0.7", "8.8.8.8"]


@given(st.ip_addresses())
def test_no_address_is_public_that_python_calls_private(address: Any) -> None:
    if address.is_private or address.is_loopback or address.is_link_local:
        assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_what_it_stands_for(address: Any) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)
    assert is_public(ip_address(f"64:ff9b::{address}")) == is_public(address)
